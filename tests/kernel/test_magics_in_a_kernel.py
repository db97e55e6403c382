"""The magics in a real kernel: what they give, how it displays, what a blocked load looks like, what is recorded of the cell."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import textwrap

from live_kernel import LiveKernel

from tests.conftest import Person

FRAMES = ('File "', "site-packages", "jupyter_mlsc/", "Traceback")


def recorded(person: Person) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(person.mlsc("log", "show", "--json").stdout)
    return found


def test_load_gives_the_value_itself(kernel: LiveKernel) -> None:
    assert kernel.run("df = %mlsc_load data/train.csv\ntype(df).__name__, df.shape").text == "('DataFrame', (2, 2))"


def test_load_to_a_variable_shows_the_verdict_as_text_and_as_html(kernel: LiveKernel) -> None:
    shown = kernel.run("%mlsc_load data/train.csv --to frame")
    assert shown.text.startswith("✓ data/train.csv: allowed · dataset · sha256:")
    assert "signed by ada" in shown.text
    assert "✓ allowed" in shown.html
    assert "<script" not in shown.html
    assert kernel.run("len(frame)").text == "2"


def test_diff_tells_the_rows_as_text_and_as_html(kernel: LiveKernel, ada_with_data: Person) -> None:
    assert kernel.run("%mlsc_diff data/train.csv").text.startswith("✓ data/train.csv: the bytes that ada signed on ")
    ada_with_data.write("data/later.csv", "x,y\n1,0\n2,0\n5,0\n")
    shown = kernel.run("%mlsc_diff data/later.csv --against data/train.csv")
    assert "1 row changed, only in the label `y` (3 to 0), 1 row added" in shown.text
    assert "1 row changed" in shown.html
    assert "<script" not in shown.html


def test_a_library_that_is_refused_a_changed_data_set_is_told_what_differs(kernel: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/changing.csv", "x,y\n1,0\n2,1\n3,0\n")
    ada_with_data.sign("data/changing.csv")
    ada_with_data.write("data/changing.csv", "x,y\n1,0\n2,0\n3,0\n")
    for cell in ("import pandas\npandas.read_csv('data/changing.csv')", "%mlsc_load data/changing.csv"):
        told = kernel.run(cell)
        assert told.error == "BlockedArtifactError"
        assert "1 row changed, only in the label `y` (1 to 0)" in told.traceback
        assert "mlsc diff data/changing.csv" in told.traceback


def test_load_as_another_format(kernel: LiveKernel) -> None:
    assert kernel.run("%mlsc_load data/train.csv --as text").text == repr("x,y\n1,0\n2,3\n")


def test_paths_with_spaces_and_quotes_are_written_as_in_a_shell(kernel: LiveKernel) -> None:
    for written in ('"data/two words.csv"', "'data/two words.csv'", r"data/two\ words.csv"):
        assert kernel.run(f"%mlsc_load {written} --to t").text.startswith("✓ data/two words.csv")
    assert kernel.run('%mlsc_load "data/it\'s.csv" --to t').text.startswith("✓ data/it's.csv")


def test_an_open_quote_says_what_to_write(kernel: LiveKernel) -> None:
    failed = kernel.run("%mlsc_load data/it's.csv")
    assert failed.error == "UsageError"
    assert "no closing quotation" in failed.traceback
    assert "write: %mlsc_load [--as KIND] [--to NAME] path" in failed.traceback


def test_python_variables_are_put_into_the_line(kernel: LiveKernel) -> None:
    assert kernel.run("wanted = 'data/train.csv'\n%mlsc_load {wanted} --to t").text.startswith("✓ data/train.csv")


def test_names_are_escaped_in_html(kernel: LiveKernel) -> None:
    shown = kernel.run('%mlsc_verify "data/<b>bold<b>.csv"')
    assert "data/&lt;b&gt;bold&lt;b&gt;.csv" in shown.html
    assert "<b>bold" not in shown.html
    for magic in ('%mlsc_lineage "data/<b>bold<b>.csv"', '%mlsc_sign "data/<b>bold<b>.csv"'):
        assert "<b>bold" not in kernel.run(magic).html, magic


def test_a_blocked_load_is_a_short_message_and_the_kernel_goes_on(kernel: LiveKernel) -> None:
    blocked = kernel.run("x = 1\ndf2 = %mlsc_load data/stranger.csv")
    assert blocked.status == "error"
    assert blocked.error == "BlockedArtifactError"
    assert blocked.traceback.splitlines() == [
        "BlockedArtifactError in line 2 of the cell",
        "data/stranger.csv: blocked",
        "  why:  no statement names data/stranger.csv [unsigned]",
        "  next: ask a data-steward to run: mlsc sign data/stranger.csv",
    ]
    assert kernel.run("'df2' in globals(), 1 + 1").text == "(False, 2)"


def test_a_blocked_load_can_be_caught_as_a_permission_error(kernel: LiveKernel) -> None:
    code = "import jupyter_mlsc as mlsc\ntry:\n    mlsc.load('data/stranger.csv')\nexcept PermissionError as err:\n    print(err.verdict.reasons[0].code)"
    assert kernel.run(code).stdout == "unsigned\n"


def test_no_error_of_a_magic_shows_frames_of_this_package(kernel: LiveKernel) -> None:
    for code in (
        "%mlsc_load",
        "%mlsc_load a b c",
        "%mlsc_load data/missing.csv",
        "%mlsc_load data",
        "%mlsc_load data/train.csv --as parquet",
        "%mlsc_load data/train.csv --as nonsense",
        "%mlsc_load data/train.csv --to 1x",
        "%mlsc_save nothing models/m.json",
        "%mlsc_save frame /etc/out.csv",
        "%mlsc_save frame models/m.unknown",
        "%mlsc_lineage data/missing.csv",
        "%mlsc_lineage sha256:12",
        "%mlsc_sign data/missing.csv",
        "%mlsc_verify data/missing.csv",
        "%mlsc_status --nonsense",
    ):
        failed = kernel.run(code)
        assert failed.status == "error", code
        assert failed.error, code
        assert not any(sign in failed.traceback for sign in FRAMES), failed.traceback
        assert "next: " in failed.traceback, (code, failed.traceback)


def test_save_says_what_it_was_made_from_and_lineage_names_the_notebook_and_the_cell(kernel: LiveKernel, ada_with_data: Person) -> None:
    kernel.run("df = %mlsc_load data/train.csv", cell="cell-that-loads")
    kernel.run("model = {'weights': [1, 2]}")
    saved = kernel.run("%mlsc_save model models/m.json", cell="cell-that-saves")
    assert saved.text.startswith("✓ saved models/m.json · json · sha256:")
    assert "from data/train.csv" in saved.text
    assert "models/m.json" in saved.html
    shown = kernel.run("%mlsc_lineage models/m.json")
    assert "made by cell cell-that-saves of analysis/train.ipynb" in shown.text
    assert "data/train.csv" in shown.text
    assert "<li>models/m.json" in shown.html
    written = [entry for entry in recorded(ada_with_data) if entry["kind"] == "write"][-1]
    assert written["cell_id"] == "cell-that-saves"
    assert written["execution_count"] == saved.execution_count
    assert written["notebook"] == "analysis/train.ipynb"
    assert written["tier"] == "guarded"
    assert written["op"] == "write"


def test_a_save_records_the_cells_code_the_environment_and_the_commit(kernel: LiveKernel, ada_with_data: Person) -> None:
    def git(*arguments: str) -> str:
        named = ("git", "-c", "user.name=ada", "-c", "user.email=ada@example.org")
        return subprocess.run([*named, *arguments], cwd=ada_with_data.root, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    git("add", "mlsc.toml")
    git("commit", "--quiet", "--message", "a policy")
    cell = "told = {'x': 1}\n%mlsc_save told models/told.json"
    assert kernel.run(cell).text.startswith("✓ saved")
    saved = hashlib.sha256((ada_with_data.root / "models" / "told.json").read_bytes()).hexdigest()
    (line,) = (ada_with_data.root / ".mlsc" / "claims" / f"{saved}.jsonl").read_text().splitlines()
    predicate = json.loads(base64.b64decode(json.loads(line)["payload"]))["predicate"]
    facts = predicate["buildDefinition"]["internalParameters"]
    code = hashlib.sha256(cell.encode()).hexdigest()
    assert facts["code"] == f"sha256:{code}"
    assert predicate["runDetails"]["byproducts"] == [{"name": "cell source", "digest": {"sha256": code}}]
    assert (facts["gitCommit"], facts["gitDirty"]) == (git("rev-parse", "HEAD"), False)
    asked = """
        import importlib.metadata, platform, re
        named = {(d.metadata["Name"], d.version) for d in importlib.metadata.distributions() if d.metadata["Name"]}
        named.add(("python", platform.python_version()))
        print("\\n".join(sorted(f"{re.sub('[-_.]+', '-', name).lower()}=={version}" for name, version in named)), end="")
    """
    packages = kernel.run(textwrap.dedent(asked)).stdout
    assert "pandas==" in packages
    assert facts["environment"] == f"sha256:{hashlib.sha256(packages.encode()).hexdigest()}"


def test_reads_are_recorded_once_for_each_state_with_their_cell(kernel: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/fresh.csv", "x\n1\n")
    ada_with_data.sign("data/fresh.csv")
    first = kernel.run("a = %mlsc_load data/fresh.csv", cell="first-reader")
    kernel.run("b = %mlsc_load data/fresh.csv", cell="second-reader")
    reads = [entry for entry in recorded(ada_with_data) if entry.get("path") == "data/fresh.csv" and entry["kind"] == "read"]
    assert [(r["cell_id"], r["execution_count"], r["verdict"], r["op"]) for r in reads] == [("first-reader", first.execution_count, "allow", "read")]


def test_a_person_with_several_keys_says_which_one_signs(kernel: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/keys.csv", "x\n7\n")
    made = ada_with_data.mlsc("keys", "new", "deputy", "--json")
    deputy = json.loads(made.stdout)["id"]
    counts_for_nothing = f"no policy that you accepted names this key ({deputy[:12]})"
    assert " · by deputy" in kernel.run("%mlsc_sign data/keys.csv --key deputy").text
    assert " · by ada" in kernel.run("%mlsc_sign data/keys.csv").text
    again = kernel.run("%mlsc_sign data/keys.csv --key deputy")
    assert counts_for_nothing in again.text
    assert counts_for_nothing in again.html
    assert kernel.run(f"import jupyter_mlsc as mlsc\nmlsc.sign('data/keys.csv', key='{deputy[:16]}')[0].signer").text == "'deputy'"
    assert kernel.run("%mlsc_sign data/keys.csv --key nobody").error == "KeyUnavailableError"


def test_verify_without_a_path_judges_all_that_is_governed(kernel: LiveKernel) -> None:
    shown = kernel.run("v = %mlsc_verify\nv")
    assert "✗ data/stranger.csv: blocked" in shown.text
    assert "✓ data/train.csv: allowed" in shown.text
    assert "✗ blocked" in shown.html


def test_status_shows_the_project_and_the_run(kernel: LiveKernel) -> None:
    shown = kernel.run("%mlsc_status")
    for label in ("project:", "mode: ", "policy: ", "ledger:", "keys:", "tier: ", "run:", "read:"):
        assert label in shown.text
    assert "<table" in shown.html


def test_the_python_api_is_the_same_run(kernel: LiveKernel) -> None:
    run = kernel.run("%mlsc_status").text.split("run:")[1].split()[0]
    assert kernel.run("import jupyter_mlsc.session as s\nprint(s.current().run.id)").stdout.strip() == run


def test_every_magic_explains_itself(kernel: LiveKernel) -> None:
    for verb in ("load", "save", "sign", "verify", "status", "lineage"):
        told = kernel.run(f"print(get_ipython().find_line_magic('mlsc_{verb}').__doc__)").stdout
        assert f"%mlsc_{verb}" in told
        assert len(told) > 60


def test_tab_completes_paths(kernel: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/a+b.csv")
    (ada_with_data.root / "models").mkdir(exist_ok=True)
    assert "%mlsc_load data/train.csv" in kernel.complete("%mlsc_load data/tr")
    assert "%mlsc_load data/" in kernel.complete("%mlsc_load da")
    assert r"%mlsc_load data/two\ words.csv" in kernel.complete("%mlsc_load data/two")
    assert '%mlsc_load "data/two words.csv' in kernel.complete('%mlsc_load "data/two wo')
    assert r"%mlsc_load data/it\'s.csv" in kernel.complete("%mlsc_load data/it")
    assert "%mlsc_load data/a+b.csv" in kernel.complete("%mlsc_load data/a+")
    assert "%mlsc_save frame models/" in kernel.complete("%mlsc_save frame mod")
    assert "train = %mlsc_load data/train.csv" in kernel.complete("train = %mlsc_load data/tr")
    assert r"a, b =%mlsc_load data/two\ words.csv" in kernel.complete("a, b =%mlsc_load data/two")
    assert "x = 1\ny = %mlsc_verify data/" in kernel.complete("x = 1\ny = %mlsc_verify da")
    assert not any("train.csv" in each for each in kernel.complete("train = 7 %mlsc_load data/tr"))
    assert kernel.complete("%mlsc_load data/nothing-begins-like-this") == []
    for verb in ("sign", "verify", "lineage"):
        assert f"%mlsc_{verb} data/train.csv" in kernel.complete(f"%mlsc_{verb} data/tr")


def test_several_threads_load_at_once(kernel: LiveKernel) -> None:
    code = (
        "import jupyter_mlsc as mlsc\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n    frames = list(pool.map(lambda _: mlsc.load('data/train.csv'), range(24)))\n"
        "print(len(frames), all(f.equals(frames[0]) for f in frames))"
    )
    assert kernel.run(code).stdout == "24 True\n"


def test_a_cell_that_awaits_can_load(kernel: LiveKernel) -> None:
    code = "import asyncio\nimport jupyter_mlsc as mlsc\nawait asyncio.sleep(0)\nf = await asyncio.to_thread(mlsc.load, 'data/train.csv')\nlen(f)"
    assert kernel.run(code).text == "2"
    assert kernel.run("g = %mlsc_load data/train.csv\nawait asyncio.sleep(0)\nlen(g)").text == "2"
