"""Closing lines: the last prices before each game starts, as Parquet.

One file per game, ``FOLDER/LEAGUE_ID/EVENT_ID.parquet``, with a row for each
quote: what the market thought last.  Read them all at once:
``SELECT * FROM 'FOLDER/*/*.parquet'`` in DuckDB.

Usage: python closing_lines.py FOLDER [LEAGUE_ID]     (needs polars)
"""

import sys
from pathlib import Path

import polars as pl

import sgostream


def has_started(event: sgostream.Event) -> bool:
    """Whether its prices are no longer those before the start."""
    return event.status.get("started") is True


def save(event: sgostream.Event, folder: Path) -> Path:
    """Write the quotes of one version; a file is there whole or not at all."""
    path = folder / str(event.league_id) / f"{event.event_id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    quotes = pl.DataFrame(event.quotes()).with_columns(
        title=pl.lit(event.title), starts_at=pl.lit(event.starts_at)
    )
    part = path.with_suffix(".part")
    quotes.write_parquet(part, compression="zstd")
    part.replace(path)
    return path


def main(folder: Path, league_id: str) -> None:
    """Follow a league's coming games until Ctrl-C."""
    with sgostream.stream("events:upcoming", league_id=league_id) as upcoming:
        for update in upcoming:
            before = update.previous
            if update.kind != "changed" or before is None:
                continue
            # `previous` is the version we were given last: the closing one.
            if has_started(update.event) and not has_started(before):
                path = save(before, folder)
                print(
                    f"{before.title}: {len(before.quotes())} closing quotes in {path}",
                    flush=True,
                )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python closing_lines.py FOLDER [LEAGUE_ID]")
    try:
        main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "NFL")
    except KeyboardInterrupt:
        pass
