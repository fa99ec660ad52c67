"""Records of a CSV file whose lines are read one after another."""

from collections.abc import Iterator

from components.ingest.layouts.csv_records import CsvRecord, csv_records


def _is_record(fields: list[str]) -> bool:
    return bool(fields) and fields[0].endswith(".jpg")


def _read(lines: Iterator[str]) -> Iterator[CsvRecord]:
    return csv_records(lines, ",", 2, _is_record, "captions.csv")


def test_csv_records_reads_no_more_than_fifty_lines_ahead() -> None:
    taken = []

    def lines() -> Iterator[str]:
        for number in range(1000):
            taken.append(number)
            yield f"{number}.jpg,a dog"

    records = _read(lines())
    assert next(records) == CsvRecord(1, "0.jpg,a dog", ["0.jpg", "a dog"])
    assert len(taken) <= 50
    assert [record.number for record in records] == list(range(2, 1001))


def test_csv_records_numbers_records_after_some_of_several_lines() -> None:
    # The records of three lines begin at lines 1, 4, …; blank lines count, too.
    three = ['{}.jpg,"a dog', "", 'runs"']
    lines = (line.format(number) for number in range(60) for line in three)
    records = list(_read(lines))
    assert [record.number for record in records] == list(range(1, 181, 3))
    assert records[59] == CsvRecord(178, '59.jpg,"a dog', ["59.jpg", "a dog\n\nruns"])


def test_csv_records_open_quote_joins_at_most_fifty_lines() -> None:
    def lines(more: int) -> Iterator[str]:
        yield 'a.jpg,"a dog'
        yield from ["and"] * more
        yield 'runs"'

    (record,) = _read(lines(48))
    assert record.fields == ["a.jpg", "\n".join(["a dog", *["and"] * 48, "runs"])]
    first, *others = _read(lines(49))
    assert first.fields == ["a.jpg", "a dog"]
    assert len(others) == 50
