import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.deliveries.batches import read_rows
from senders.errors import GuardError


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("shard") / "shard-0001.parquet"
    table = pa.table({"seq": list(range(101, 5101)), "address": [f"p{n}@x.example" for n in range(101, 5101)]})
    pq.write_table(table, path, row_group_size=700)
    return str(path)


def test_reads_every_row_in_order(shard: str) -> None:
    assert [row["seq"] for row in read_rows(shard)] == list(range(101, 5101))


@pytest.mark.parametrize("seqs", [[101], [5100, 101], [801, 800, 799, 3000], [150, 150], [], list(range(101, 5101, 3))])
def test_reads_the_wanted_rows_in_order(shard: str, seqs: list[int]) -> None:
    rows = list(read_rows(shard, seqs))
    assert [row["seq"] for row in rows] == sorted(set(seqs))
    assert all(row["address"] == f"p{row['seq']}@x.example" for row in rows)


@pytest.mark.parametrize("seq", [100, 5101, 0])
def test_says_when_a_row_is_not_there(shard: str, seq: int) -> None:
    with pytest.raises(GuardError, match=rf"shard-0001\.parquet: holds no row with seq {seq};"):
        list(read_rows(shard, [seq, 200]))


def test_few_rows_read_one_row_group(shard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    original = pq.ParquetFile.read_row_group

    def count(self: pq.ParquetFile, group: int) -> pa.Table:
        read.append(group)
        return original(self, group)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", count)
    list(read_rows(shard, [802, 900]))
    assert read == [1]


def test_is_named_as_the_sender_is_told() -> None:
    from orchestration.settings import ROW_READER

    module, _, function = ROW_READER.partition(":")
    assert (module, function) == (read_rows.__module__, read_rows.__name__)
