"""The contract test of samplers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from nasp.core.decision import Decision
from nasp.core.genotype import choices_of, projection_of
from nasp.samplers import Sampler, Trial

DECISIONS: dict[str, tuple[Decision, ...]] = {
    "edges": (
        Decision("pair", ("a", "b", "c"), ("x", "y", "z"), (0, 0, 0), keep=2),
        Decision("one", ("a", "b", "c", "d"), ("w", "x", "y", "z"), (0, 0, 0, 0)),
    ),
    "operations": (Decision("only", ("a",), ("v", "w", "x", "y", "z"), (0, 0, 0, 0, 0)),),
}


class SamplerContract:
    """Tests of a sampler. Inherit from it, and override the fixture `sampler`.

    Attributes:
        sampler: Fixture: the sampler's class.
        decisions: Fixture: decisions; those in `DECISIONS` by default.
        continuous: Fixture: number of parameters of the continuous architecture.
    """

    @pytest.fixture
    def sampler(self) -> Any:
        """The sampler's class."""
        raise NotImplementedError("override the fixture `sampler`")

    @pytest.fixture(params=DECISIONS)
    def decisions(self, request: pytest.FixtureRequest) -> tuple[Decision, ...]:
        """The decisions of the space."""
        return DECISIONS[request.param]

    @pytest.fixture(params=[0, 7])
    def continuous(self, request: pytest.FixtureRequest) -> int:
        """Number of parameters of the continuous architecture."""
        number: int = request.param
        return number

    def test_it_proposes_valid_architectures_by_its_seed(
        self, sampler: Any, decisions: tuple[Decision, ...], continuous: int
    ) -> None:
        """Equal seeds and scores give equal proposals, and another seed gives others."""

        def asked(seed: int, count: int) -> list[Trial]:
            return ask_and_tell(
                make_sampler(sampler, decisions, seed, continuous), _by_number, count
            )

        first = asked(0, 20)
        assert first == asked(0, 20)
        assert [t.choices for t in first] != [t.choices for t in asked(1, 20)]
        assert first[:13] == asked(0, 13)
        assert [trial.number for trial in first] == list(range(20))
        for trial in first:
            projection = projection_of(decisions, trial.choices)
            assert choices_of(decisions, projection) == trial.choices
            assert len(trial.offsets) in {0, continuous}
            assert all(isinstance(offset, float) for offset in trial.offsets)

    def test_it_draws_from_its_generator_alone(
        self, sampler: Any, decisions: tuple[Decision, ...]
    ) -> None:
        """No global random number is drawn."""
        before = torch.get_rng_state()
        ask_and_tell(make_sampler(sampler, decisions, 0, 2), _by_number, 12)
        assert torch.equal(before, torch.get_rng_state())

    def test_trials_are_asked_for_in_batches_and_told_in_any_order(
        self, sampler: Any, decisions: tuple[Decision, ...], continuous: int
    ) -> None:
        """Some trials fail, and some are never told."""
        first, second = (make_sampler(sampler, decisions, 3, continuous) for _ in range(2))
        for one in (first, second):
            for _ in range(4):
                batch = one.ask(5)
                assert len(batch) == 5
                one.tell(batch[3].completed(1.0))
                one.tell(batch[0].failed("it diverged"))
                one.tell(batch[4].completed(0.5))  # the others are never told
        assert first.ask(3) == second.ask(3)

    def test_a_restored_sampler_goes_on_as_the_first(
        self, sampler: Any, decisions: tuple[Decision, ...], continuous: int
    ) -> None:
        """Its state holds only lists and numbers."""
        whole = make_sampler(sampler, decisions, 2, continuous)
        ask_and_tell(whole, _by_number, 12)
        waiting = whole.ask(2)
        restored = make_sampler(sampler, decisions, 2, continuous)
        restored.load_state_dict(whole.state_dict())
        for one in (whole, restored):
            one.tell(waiting[1].completed(0.25))
            one.tell(waiting[0].failed("late"))
        assert ask_and_tell(whole, _by_number, 8) == ask_and_tell(restored, _by_number, 8)

    def test_a_trial_is_told_once_and_only_if_it_was_asked_for(
        self, sampler: Any, decisions: tuple[Decision, ...]
    ) -> None:
        """Otherwise a mistake in a loop would change the sampler."""
        one = make_sampler(sampler, decisions, 0, 0)
        (trial,) = one.ask()
        with pytest.raises(ValueError, match="has not ended"):
            one.tell(trial)
        (trial,) = one.ask()
        one.tell(trial.completed(1.0))
        with pytest.raises(ValueError, match="told before"):
            one.tell(trial.completed(1.0))
        with pytest.raises(ValueError, match="was not asked for"):
            one.tell(Trial(99, trial.choices).completed(1.0))

    def test_it_goes_on_after_failures(self, sampler: Any, decisions: tuple[Decision, ...]) -> None:
        """Even if all trials have failed."""
        one = make_sampler(sampler, decisions, 1, 2)
        trials = ask_and_tell(one, lambda trial: None, 25)
        assert all(trial.state == "failed" for trial in trials)
        assert one.ask(3)

    def test_it_stands_a_space_with_nothing_to_decide(self, sampler: Any) -> None:
        """It proposes the single architecture."""
        decisions = (Decision("only", ("a", "b"), ("op",), (0,), keep=2),)
        trials = ask_and_tell(make_sampler(sampler, decisions, 0, 0), lambda trial: 1.0, 12)
        assert [t.choices for t in trials] == [{"only": (("a", "op"), ("b", "op"))}] * 12

    def test_absence_is_never_proposed(self, sampler: Any) -> None:
        """Samplers see decisions without the operation that means "no connection"."""
        decisions = (
            Decision("a", ("p", "q"), ("none", "x", "y"), (0, 1, 1), 2, absent="none"),
            Decision("b", ("p", "q", "r"), ("x", "none"), (1, 0), absent="none"),
        )
        trials = ask_and_tell(make_sampler(sampler, decisions, 0, 2), _by_number, 80)
        assert not any("none" in str(trial.choices) for trial in trials)


def make_sampler(
    sampler: type[Sampler], decisions: tuple[Decision, ...], seed: int, continuous: int
) -> Sampler:
    """Make a sampler with its default options."""
    return sampler(decisions, torch.Generator().manual_seed(seed), continuous)


def ask_and_tell(
    sampler: Sampler, score: Callable[[Trial], float | None], count: int
) -> list[Trial]:
    """Ask for trials one by one, and tell the score of each; the score None is a failure."""
    ended = []
    for _ in range(count):
        (trial,) = sampler.ask()
        value = score(trial)
        ended.append(trial.failed("no score") if value is None else trial.completed(value))
        sampler.tell(ended[-1])
    return ended


def _by_number(trial: Trial) -> float:
    return float(trial.number % 5)
