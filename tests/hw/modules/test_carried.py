"""Claims about what a module may be delivering, by its orders and its measurements."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.hw.modules.carried import SETTLED_S, SILENT_MARGIN_S, Carried
from jp_firmware.hw.modules.driver import Measured
from tests.hw.modules.fake import PROFILE


@attrs.define
class Story:
    """A module that is heard, unless told otherwise."""

    carried: Carried = attrs.field(factory=lambda: Carried(PROFILE))
    now_s: float = 0.0
    told_a: float = 0.0
    last: Measured = attrs.field(factory=lambda: Measured(400, 0))

    def tell(self, current_a: float) -> None:
        self.carried.told(current_a, self.told_a, self.now_s)
        self.told_a = current_a

    def measure(self, current_a: float, after_s: float = 0.2) -> None:
        self.now_s += after_s
        self.last = Measured(400, current_a)
        self.carried.measured(self.last, self.now_s, self.told_a)

    @property
    def all_a(self) -> float:
        return self.carried.all_a(self.last, self.now_s, self.told_a, self.now_s)


def test_an_order_counts_when_it_is_given_and_a_cut_when_it_is_measured() -> None:
    story = Story()
    story.tell(60)
    assert 60 == story.all_a, "long before it flows"
    story.measure(58)
    story.tell(20)
    assert 60 == story.all_a
    story.measure(45)
    assert 45 == story.all_a
    story.measure(20)
    assert 20 == story.all_a


def test_a_measurement_from_before_the_cut_shows_nothing() -> None:
    story = Story()
    story.tell(60)
    story.measure(25)  # on its way up
    story.tell(20)
    story.carried.measured(story.last, story.now_s, story.told_a)

    assert 60 == story.all_a


def test_a_regulation_error_is_not_held_against_it_for_ever() -> None:
    story = Story()
    story.tell(60)
    story.tell(50)
    story.measure(51, after_s=SETTLED_S / 2)
    assert 51 == story.all_a
    story.measure(51, after_s=SETTLED_S)
    assert 50 == story.all_a


def test_off_needs_its_own_word() -> None:
    story = Story()
    story.tell(60)
    story.tell(0)
    story.measure(0)
    assert 60 == story.all_a, "a car may take nothing just now"
    assert story.carried.is_off()
    assert 0 == story.all_a
    assert not story.carried.is_off(), "no news"


def test_off_by_its_word_it_counts_with_what_it_still_measures() -> None:
    story = Story()
    story.tell(60)
    story.tell(0)
    story.carried.is_off()
    story.measure(12)

    assert 12 == story.all_a


def test_unheard_it_counts_with_the_most_until_its_own_time_out_has_passed() -> None:
    story = Story()
    story.tell(60)
    story.measure(60)
    story.tell(20)
    gone_s = PROFILE.silent_off_s + SILENT_MARGIN_S

    assert [60, 60, 0] == [story.carried.stray_a(None, 0.2, 0.2 + age_s) for age_s in (0, gone_s - 0.1, gone_s)]
    assert 0 == story.carried.stray_a(story.last, 0.2, 0.3), "heard and obedient, nothing strays"


def test_one_that_does_not_obey_counts_with_what_it_delivers() -> None:
    story = Story()
    story.tell(60)
    story.measure(60)
    story.tell(20)
    story.measure(60, after_s=PROFILE.off_within_s - 0.1)
    assert "" == story.carried.disobeys
    story.measure(60)

    assert "delivers 60.0 A, told to deliver 20.0 A" == story.carried.disobeys
    assert 60 == story.carried.stray_a(story.last, story.now_s, story.now_s)


steps = st.lists(st.tuples(st.sampled_from(["tell", "measure"]), st.floats(0, 100)), max_size=30)


@given(steps)
def test_it_never_counts_with_less_than_its_order(taken: list[tuple[str, float]]) -> None:
    story = Story()
    for what, current_a in taken:
        if what == "tell":
            story.tell(current_a)
        else:
            story.measure(current_a)

        assert story.all_a >= story.told_a
