"""The data that the notebooks beside this file read: the same each time."""

from __future__ import annotations

from pathlib import Path


def write_data(root: Path) -> list[str]:
    """The data that the notebooks read, the same each time; the paths, to be signed."""
    import sqlite3

    import numpy as np
    import pandas as pd
    from PIL import Image

    for folder in ("data/texts", "data/images", "data/derived", "models", "figures", "cache"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    sales = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=60, freq="D"),
            "shop": rng.choice(["north", "south"], 60),
            "amount": rng.integers(1, 100, 60).astype(float),
        }
    )
    sales.loc[5, "amount"] = np.nan
    sales.to_csv(root / "data/sales.csv", index=False)
    events = pd.DataFrame({"kind": ["a", "b", "c"] * 4, "value": range(12)})
    events.to_parquet(root / "data/events.parquet")
    events.to_json(root / "data/events.jsonl", orient="records", lines=True)
    np.save(root / "data/matrix.npy", np.arange(48.0).reshape(12, 4))
    (root / "data/texts/a.txt").write_text("the cat sat\non the mat\n")
    (root / "data/texts/b.txt").write_text("a dog\n")
    for number in range(2):
        Image.fromarray(np.full((8, 8, 3), 40 * number, "uint8")).save(root / f"data/images/{number}.png")
    database = sqlite3.connect(root / "data/shop.db")
    database.execute("create table orders (customer text, price real)")
    database.executemany("insert into orders values (?, ?)", [("ada", 2.5), ("bob", 1.0), ("ada", 4.0)])
    database.commit()
    database.close()
    files = ("sales.csv", "events.parquet", "events.jsonl", "matrix.npy", "texts/a.txt", "texts/b.txt", "images/0.png", "images/1.png", "shop.db")
    return [f"data/{name}" for name in files]
