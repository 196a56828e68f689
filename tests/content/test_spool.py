"""How a file is received; that it is stored whole is said in test_store.py."""

import hashlib
import multiprocessing
import os

from apps.content.spool import Spool

MIB = 1024 * 1024


def received(content: bytes) -> str:
    with Spool() as spool:
        spool.write(content)
        return spool.sha256


def test_a_forked_process_receives_large_files_as_its_parent_does() -> None:
    """It has none of the threads that its parent hashes with."""
    content = os.urandom(MIB)
    assert received(content) == hashlib.sha256(content).hexdigest()

    child = multiprocessing.get_context("fork").Process(target=received, args=(content,))
    child.start()
    child.join(60)
    child.kill()
    assert child.exitcode == 0
