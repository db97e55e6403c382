"""Programs and libraries whose processes talk to each other do so inside a supervised tree too."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Person
from tests.sandbox.inside import inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


PROGRAMS = {
    "multiprocessing's listener": """
        import multiprocessing.connection as c, threading
        with c.Listener() as l:
            t = threading.Thread(target=lambda: l.accept().send(5)); t.start()
            with c.Client(l.address) as k: got = k.recv()
            t.join()
        say(got)
    """,
    "multiprocessing's manager": """
        import multiprocessing
        with multiprocessing.Manager() as m:
            d = m.dict(); d["a"] = 5
            say(d["a"])
    """,
    "concurrent.futures": """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2) as pool: say(pool.submit(abs, -5).result())
    """,
    "joblib": """
        from joblib import Parallel, delayed
        say(max(Parallel(n_jobs=2)(delayed(abs)(i) for i in (-5, 2))))
    """,
    "asyncio": """
        import asyncio, tempfile
        async def main():
            path = tempfile.mkdtemp() + "/s"
            async def hear(r, w):
                w.write(await r.readline()); await w.drain(); w.close()
            async with await asyncio.start_unix_server(hear, path):
                r, w = await asyncio.open_unix_connection(path)
                w.write(b"5\\n")
                return int(await r.readline())
        say(asyncio.run(main()))
    """,
    "a web server": """
        import http.server, threading, urllib.request
        class Five(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200); self.end_headers(); self.wfile.write(b"5")
            def log_message(self, *_): pass
        s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Five)
        threading.Thread(target=s.serve_forever, daemon=True).start()
        say(int(urllib.request.urlopen(f"http://127.0.0.1:{s.server_port}/").read()))
    """,
    "ZeroMQ": """
        import tempfile, zmq
        ctx, got = zmq.Context(), []
        for address in ("tcp://127.0.0.1:*", "ipc://" + tempfile.mkdtemp() + "/z"):
            with ctx.socket(zmq.REP) as rep, ctx.socket(zmq.REQ) as req:
                rep.bind(address); req.connect(rep.getsockopt_string(zmq.LAST_ENDPOINT))
                req.send(b"5"); rep.send(rep.recv()); got.append(int(req.recv()))
        say(got[0] if got[0] == got[1] else got)
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_talk_within_the_tree_work(ada: Person, name: str) -> None:
    assert inside(ada, PROGRAMS[name]) == 5


def test_torchs_data_loader_has_workers(ada: Person) -> None:
    pytest.importorskip("torch")
    program = """
    import torch
    from torch.utils.data import DataLoader
    say(sum(int(batch.sum()) for batch in DataLoader(torch.arange(20), batch_size=4, num_workers=2)))
    """
    assert inside(ada, program) == 190
