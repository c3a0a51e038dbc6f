# SPDX-License-Identifier: GPL-3.0-or-later
"""How micro-dollars are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scumble.money import decimal_usd, exact, parse_usd, price, price_range

amounts = st.integers(-(10**13), 10**13)


class TestDecimal:
    @pytest.mark.parametrize(
        ("micro_dollars", "text"),
        [
            (0, "0.000000"),
            (1, "0.000001"),
            (13_170, "0.013170"),
            (1_200_000, "1.200000"),
            (-1, "-0.000001"),
            (-2_500_000, "-2.500000"),
        ],
    )
    def test_has_six_places(self, micro_dollars: int, text: str) -> None:
        """Exact, for programs."""
        assert decimal_usd(micro_dollars) == text

    @given(amounts)
    def test_loses_nothing(self, micro_dollars: int) -> None:
        """A million times what is written is the amount again."""
        assert Decimal(decimal_usd(micro_dollars)) * 1_000_000 == micro_dollars


@pytest.mark.parametrize(
    ("micro_dollars", "text"),
    [(0, "$0.00"), (13_110, "$0.01311"), (1_200_000, "$1.20"), (1, "$0.000001"), (50_000, "$0.05")],
)
def test_a_bill_is_written_to_its_last_digit(micro_dollars: int, text: str) -> None:
    assert exact(micro_dollars) == text


class TestPrice:
    @pytest.mark.parametrize(
        ("micro_dollars", "text"),
        [
            (0, "$0"),
            (3, "$0.000003"),
            (874, "$0.00087"),
            (875, "$0.00088"),
            (13_170, "$0.013"),
            (13_499, "$0.013"),
            (13_500, "$0.014"),
            (99_499, "$0.099"),
            (100_000, "$0.10"),
            (144_999, "$0.14"),
            (145_000, "$0.15"),
            (1_200_000, "$1.20"),
            (1_234_567_890, "$1234.57"),
            (-13_170, "-$0.013"),
        ],
    )
    def test_has_the_digits_that_matter(self, micro_dollars: int, text: str) -> None:
        """Two digits below ten cents, whole cents from there on, rounded half up."""
        assert price(micro_dollars) == text

    @given(amounts)
    def test_is_within_half_of_its_last_digit(self, micro_dollars: int) -> None:
        """What a person reads is the amount, rounded: never a different order of magnitude."""
        text = price(micro_dollars)
        written = Decimal(text.replace("$", "")) * 1_000_000
        last_digit = Decimal(10) ** (6 - len(text.partition(".")[2]))
        assert abs(written - micro_dollars) * 2 <= last_digit

    @given(st.integers(1, 10**13))
    def test_something_is_never_written_as_nothing(self, micro_dollars: int) -> None:
        """Even a millionth of a dollar is more than $0."""
        assert Decimal(price(micro_dollars).removeprefix("$")) > 0


class TestRange:
    def test_two_ends(self) -> None:
        """Low first."""
        assert price_range(10_000, 20_000) == "$0.010 – $0.020"

    def test_ends_that_read_the_same_are_one_price(self) -> None:
        """A difference that cannot be seen is not shown."""
        assert price_range(13_170, 13_180) == "$0.013"


@pytest.mark.parametrize(
    ("micro_dollars", "text"),
    [(99_999, "$0.10"), (99_500, "$0.10"), (99_499, "$0.099"), (9_999, "$0.010"), (9_949, "$0.0099")],
)
def test_a_price_that_rounds_up_a_digit_reads_like_its_neighbours(micro_dollars: int, text: str) -> None:
    """Two significant digits also where rounding carries over."""
    assert price(micro_dollars) == text


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "micro_dollars"),
        [("5", 5_000_000), ("$1.20", 1_200_000), (" 0.013170 ", 13_170), (".5", 500_000), ("7.", 7_000_000),
         ("0", 0), ("999999999.999999", 999_999_999_999_999)],
    )  # fmt: skip
    def test_reads_what_a_person_types(self, text: str, micro_dollars: int) -> None:
        """With or without the sign, exactly."""
        assert parse_usd(text) == micro_dollars

    @pytest.mark.parametrize(
        "text",
        ["", "$", ".", "-1", "1,20", "1e3", "0.0000001", "1000000000", "nan", "inf", "5 dollars", "٣", "1_0"],
    )
    def test_refuses_what_could_be_meant_otherwise(self, text: str) -> None:
        """Nothing is rounded and nothing is guessed."""
        with pytest.raises(ValueError, match="dollars"):
            parse_usd(text)

    @given(st.integers(0, 10**14))
    def test_reads_back_what_is_written(self, micro_dollars: int) -> None:
        """To the micro-dollar."""
        assert parse_usd(decimal_usd(micro_dollars)) == micro_dollars
