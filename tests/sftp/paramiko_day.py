"""What partners' scripts do with paramiko, and its default settings: python paramiko_day.py STEP PORT KEY FOLDER [NAME].

Each step is one connection. A step that fails says why and ends with 1."""

import os
import stat
import sys
import threading

import paramiko

step, port, key, folder = sys.argv[1:5]


def connect():
    own = paramiko.SSHClient()
    own.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    own.connect("127.0.0.1", int(port), "acme", key_filename=key, look_for_keys=False, allow_agent=False)
    return own.open_sftp()


def local(name):
    return os.path.join(folder, name)


def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return str(error)
    raise AssertionError(f"{call.__name__}{arguments} was not refused")


def day(sftp):
    assert sftp.normalize(".") == "/" and sorted(sftp.listdir("/")) == ["inbound", "outbound", "receipts"]
    sftp.chdir("inbound")
    put = sftp.put(local("small.edi"), "Bestellung für Müller & Söhne.edi")
    assert put.st_size == os.path.getsize(local("small.edi"))
    sftp.put(local("small.edi"), "late.edi.tmp")
    sftp.chmod("late.edi.tmp", 0o600)
    sftp.utime("late.edi.tmp", (1_700_000_000, 1_700_000_000))
    sftp.rename("late.edi.tmp", "late.edi")
    assert sftp.stat("late.edi").st_mtime == 1_700_000_000
    sftp.put(local("small.edi"), "once.part")
    sftp.posix_rename("once.part", "once.edi")
    with sftp.open("appended.edi", "a") as file:
        file.write("first ")
        file.write("second")
    with sftp.open("truncated.edi", "w") as file:
        file.write("0123456789")
        file.truncate(4)
        assert file.stat().st_size == 4
    sftp.put(local("small.edi"), "gone.tmp")
    sftp.remove("gone.tmp")
    assert "no such file" in refused(sftp.stat, "gone.tmp")
    assert stat.S_ISDIR(sftp.stat("/outbound").st_mode) and stat.S_ISREG(sftp.stat("once.edi").st_mode)
    # The words of refusals reach whoever looks at them.
    assert "folders cannot be made" in refused(sftp.mkdir, "sub")
    assert "files for us go into inbound" in refused(sftp.put, local("small.edi"), "/outbound/x")
    assert "links" in refused(sftp.symlink, "once.edi", "link")


def while_writing(sftp):
    other = connect()
    with sftp.open("inbound/growing.edi", "w") as file:
        for size in range(10_000, 50_001, 10_000):
            file.write(b"x" * 10_000)
            seen = {entry.filename: entry.st_size for entry in other.listdir_attr("inbound")}
            assert seen == {"growing.edi": size}, seen
        assert other.open("inbound/growing.edi").read() == b"x" * 50_000


def many(sftp):
    names = sorted(os.listdir(local("many")))
    others = [sftp, connect(), connect(), connect()]

    def put(own, part):
        for name in part:
            own.put(local(f"many/{name}"), f"inbound/{name}")

    threads = [threading.Thread(target=put, args=(own, names[n::4])) for n, own in enumerate(others)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(sftp.listdir("inbound")) == names


def cut(sftp):
    """Dies in the middle of a file, without a word."""
    with open(local("large.edi"), "rb") as source, sftp.open("inbound/large.edi", "w") as file:
        file.write(source.read(1_500_000))
        os._exit(0)


def resume(sftp):
    there = sftp.stat("inbound/large.edi").st_size
    with open(local("large.edi"), "rb") as source, sftp.open("inbound/large.edi", "r+") as file:
        source.seek(there)
        file.seek(there)
        file.set_pipelined(True)
        while piece := source.read(32768):
            file.write(piece)
    print(there)


def fetch(sftp):
    name = sys.argv[5]
    sftp.get(f"outbound/{name}", local("fetched"))
    # The same without reading ahead.
    sftp.get(f"outbound/{name}", local("fetched-plainly"), prefetch=False)
    assert os.path.getsize(local("fetched")) == os.path.getsize(local("fetched-plainly"))


globals()[step](connect())
