"""The file tools: what they tell a model, and that no path leads out of their folder."""

from __future__ import annotations

import os
import socket
import stat
import threading
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit import Agent, Approve, ToolError
from agentkit.errors import ConfigurationError
from agentkit.messages import Failed, Returned
from agentkit.testing import ScriptedModel, calls
from agentkit_tools.files import BinaryFile, Deleted, Entry, FileInfo, Files, FileText, Listing, Match, Matches, Written

SECRET = "outside of the root"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a secret beside it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret.txt").write_text(SECRET)
    folder = tmp_path / "root"
    (folder / "docs" / "deep").mkdir(parents=True)
    (folder / "notes.txt").write_text("alpha\nbeta\ngamma\n")
    (folder / "docs" / "guide.md").write_text("# Guide\nSee beta.\n")
    (folder / "docs" / "deep" / "x.py").write_text("print('beta')\n")
    return folder


def names_of(listing: Listing) -> list[str]:
    return [entry.path for entry in listing.entries]


async def offered(files: Files) -> list[str]:
    return [made.name for made in await files.list_tools()]


@pytest.mark.anyio
async def test_offers_only_what_reads_unless_asked(root: Path) -> None:
    assert await offered(Files(root)) == ["list_files", "read_file", "search_files", "file_info"]
    assert await offered(Files(root, writable=True)) == [
        "list_files",
        "read_file",
        "search_files",
        "file_info",
        "write_file",
        "edit_file",
        "make_folder",
        "move_file",
        "delete_file",
    ]


@pytest.mark.anyio
async def test_declares_what_its_tools_do(root: Path) -> None:
    made = {found.name: found for found in await Files(root, writable=True).list_tools()}
    assert {name: found.effect for name, found in made.items() if found.effect != "read"} == {
        "write_file": "write",
        "edit_file": "write",
        "make_folder": "write",
        "move_file": "write",
        "delete_file": "destructive",
    }
    assert [name for name, found in made.items() if found.approve] == ["delete_file"]
    assert [name for name, found in made.items() if found.untrusted] == ["read_file", "search_files"]
    assert all(found.description for found in made.values())
    described = [
        schema.get("description") for found in made.values() for schema in found.parameters["properties"].values()
    ]
    assert all(described)


def test_refuses_a_root_that_is_no_folder(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        Files(root / "notes.txt")
    with pytest.raises(ConfigurationError, match="max_bytes=3 is too small"):
        Files(root, max_bytes=3)


def test_lists_a_folder(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret.txt")
    os.mkfifo(root / "pipe")
    assert Files(root).list_files() == Listing(
        ".",
        [Entry("docs", "folder"), Entry("link", "link"), Entry("notes.txt", "file", 17), Entry("pipe", "other")],
    )


def test_lists_inner_folders_by_pattern(root: Path) -> None:
    files = Files(root)
    assert names_of(files.list_files(pattern="*.py", recursive=True)) == ["docs/deep/x.py"]
    assert names_of(files.list_files(pattern="docs/**/*")) == ["docs/deep", "docs/guide.md", "docs/deep/x.py"]
    assert names_of(files.list_files(pattern="**/*.txt")) == ["notes.txt"]
    assert names_of(files.list_files("docs", "*.md")) == ["docs/guide.md"]


def test_shows_hidden_folders_and_does_not_enter_them(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("x")
    files = Files(root)
    assert ".git" in names_of(files.list_files(recursive=True))
    assert ".git/config" not in names_of(files.list_files(recursive=True))
    assert names_of(files.list_files(".git")) == [".git/config"]


def test_says_that_a_long_listing_was_cut(root: Path) -> None:
    for number in range(250):
        (root / "docs" / f"{number:03}").touch()
    listing = Files(root).list_files("docs")
    assert len(listing.entries) == 200
    assert listing.note == "only the first 200 are shown; use a narrower pattern or an inner folder"


def test_a_pattern_of_many_stars_costs_no_time(root: Path) -> None:
    (root / ("a" * 200)).touch()
    assert names_of(Files(root).list_files(pattern="**/" * 30 + "*a" * 30 + "b")) == []


def test_reads_a_file_in_pieces(root: Path) -> None:
    files = Files(root)
    assert files.read_file("notes.txt") == FileText("notes.txt", "alpha\nbeta\ngamma\n", 1, 3, "utf-8")
    assert files.read_file("notes.txt", 1, lines=2) == FileText(
        "notes.txt", "alpha\nbeta\n", 1, 2, "utf-8", "read_file with first_line=3"
    )
    assert files.read_file("./docs//guide.md", 2) == FileText("docs/guide.md", "See beta.\n", 2, 2, "utf-8")


def test_a_long_file_is_read_whole_by_following_read_on(root: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(500)) + "ü" * 700 + "\nlast"
    (root / "long.txt").write_text(text)
    files, pieces, line, skip = Files(root, max_bytes=333), [], 1, 0
    while True:
        piece = files.read_file("long.txt", line, skip_characters=skip)
        assert isinstance(piece, FileText)
        assert len(piece.text.encode()) <= 333
        pieces.append(piece.text)
        if piece.read_on is None:
            break
        numbers = dict(item.split("=") for item in piece.read_on.removeprefix("read_file with ").split(", "))
        line, skip = int(numbers["first_line"]), int(numbers.get("skip_characters", 0))
    assert "".join(pieces) == text


def test_a_huge_file_costs_no_memory(root: Path) -> None:
    with (root / "huge.bin").open("wb") as stream:
        stream.write(b"text\n")
        stream.truncate(2**40)
    with (root / "huge.txt").open("wb") as stream:
        stream.write(b"x" * 70_000)
        stream.truncate(2**40)
    files = Files(root)
    assert files.read_file("huge.bin") == BinaryFile(
        "huge.bin", 2**40, "application/octet-stream, begins with 74 65 78 74 0a 00 00 00 00 00 00 00 00 00 00 00"
    )
    piece = files.read_file("huge.txt")
    assert isinstance(piece, FileText)
    assert (len(piece.text), piece.read_on) == (30_000, "read_file with first_line=1, skip_characters=30000")


def test_says_when_a_line_is_behind_the_end(root: Path) -> None:
    with pytest.raises(ToolError, match=r"'notes\.txt' has only 3 lines; line 4 is behind its end"):
        Files(root).read_file("notes.txt", 4)
    with pytest.raises(ToolError, match=r"'notes\.txt' has only \d lines; line 9 is behind"):
        Files(root).read_file("notes.txt", 9)
    with pytest.raises(ToolError, match="Line 1 has fewer than 50 characters"):
        Files(root).read_file("notes.txt", skip_characters=50)


def test_an_empty_file_is_an_empty_text(root: Path) -> None:
    (root / "empty").touch()
    assert Files(root).read_file("empty") == FileText("empty", "", 1, 0, "utf-8")


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        ("grün\n".encode(), "grün\n", "utf-8"),
        (b"\xef\xbb\xbf" + "grün".encode(), "grün", "utf-8-sig"),
        ("grün".encode("utf-16"), "grün", "utf-16"),
        (b"\xfe\xff" + "grün".encode("utf-16-be"), "grün", "utf-16"),
        ("grün".encode("utf-32"), "grün", "utf-32"),
        ("grün 5 €".encode("cp1252"), "grün 5 €", "cp1252"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree", "utf-8"),
    ],
)
def test_reads_text_in_any_usual_encoding(root: Path, content: bytes, text: str, encoding: str) -> None:
    (root / "text").write_bytes(content)
    found = Files(root).read_file("text")
    assert isinstance(found, FileText)
    assert (found.text, found.encoding) == (text, encoding)


def test_describes_what_is_no_text(root: Path) -> None:
    (root / "image.dat").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert Files(root).read_file("image.dat") == BinaryFile(
        "image.dat", 108, "image/png, begins with 89 50 4e 47 0d 0a 1a 0a 00 00 00 00 00 00 00 00"
    )


def test_a_name_that_is_nearly_right_gets_the_right_one(root: Path) -> None:
    with pytest.raises(ToolError, match=r"There is no 'Notes\.TXT'\. Did you mean 'notes\.txt'\?"):
        Files(root).read_file("Notes.TXT")
    with pytest.raises(ToolError, match=r"There is no 'doc'\. Did you mean 'docs'\?"):
        Files(root).read_file("doc/guide.md")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_finds_a_name_in_either_unicode_form(root: Path, form: str) -> None:
    (root / unicodedata.normalize("NFD", "Übung.txt")).write_text("ja")
    files = Files(root, writable=True)
    assert names_of(files.list_files(pattern=unicodedata.normalize(form, "Ü*"))) == [
        unicodedata.normalize("NFC", "Übung.txt")
    ]
    found = files.read_file(unicodedata.normalize(form, "Übung.txt"))
    assert isinstance(found, FileText)
    assert found.text == "ja"
    with pytest.raises(ToolError, match="exists already"):
        files.write_file(unicodedata.normalize(form, "Übung.txt"), "zwei")


def test_names_that_are_no_utf_8_can_be_listed_and_read(root: Path) -> None:
    (root / os.fsdecode(b"gr\xfcn.txt")).write_text("ja")
    files = Files(root)
    listed = files.list_files(pattern="gr*").entries[0].path
    assert listed == "gr\\xfcn.txt"
    assert files.read_file(listed) == FileText(listed, "ja", 1, 1, "utf-8")


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("../secret.txt", "contains '..'"),
        ("docs/../../secret.txt", "contains '..'"),
        ("/etc/passwd", "is absolute. Paths start at the root folder, such as 'etc/passwd'"),
        ("//etc/passwd", "is absolute"),
        ("~/secret.txt", "There is no '~'"),
        ("C:\\secret.txt", "There is no"),
        ("..\\secret.txt", "There is no"),
        ("file_link", "is a link"),
        ("folder_link/secret.txt", "is a link"),
        ("up/secret.txt", "is a link"),
        ("chain", "is a link"),
        ("round", "is a link"),
        ("inner_link", "is a link"),
        ("notes.txt\0.png", "NUL character"),
        ("notes.txt/", "alpha"),
        ("notes.txt/x", "is a file, not a folder"),
        ("docs", "is a folder; use list_files"),
        ("x" * 300, "has a name that is too long"),
        ("x/" * 3000, "is too long; at most 4096 characters"),
        ("\ud800", "half of a surrogate pair"),
        ("pipe", "a pipe, a socket or a device"),
        ("", "root folder itself"),
    ],
)
def test_a_path_does_not_lead_out(root: Path, path: str, complaint: str) -> None:
    (root / "file_link").symlink_to(root.parent / "secret.txt")
    (root / "folder_link").symlink_to(root.parent / "private")
    (root / "up").symlink_to("..")
    (root / "chain").symlink_to("file_link")
    (root / "round").symlink_to("round")
    (root / "inner_link").symlink_to("notes.txt")
    os.mkfifo(root / "pipe")
    try:
        told = str(Files(root).read_file(path))
    except ToolError as error:
        told = error.message
    assert complaint in told
    assert SECRET not in told
    assert str(root) not in told


def test_sockets_and_devices_are_refused(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(root)  # socket paths are short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        with pytest.raises(ToolError, match="a pipe, a socket or a device"):
            Files(root).read_file("socket")
    with pytest.raises(ToolError, match="a pipe, a socket or a device"):
        Files("/dev").read_file("zero")


def test_links_are_neither_searched_nor_entered(root: Path) -> None:
    (root / "file_link").symlink_to(root.parent / "secret.txt")
    (root / "folder_link").symlink_to(root.parent / "private")
    files = Files(root)
    assert files.search_files("outside") == Matches([], 3)
    assert [path for path in names_of(files.list_files(recursive=True)) if "secret" in path] == []
    with pytest.raises(ToolError, match="is a link"):
        files.list_files("folder_link")


def test_writing_does_not_go_through_links(root: Path) -> None:
    (root / "file_link").symlink_to(root.parent / "secret.txt")
    (root / "folder_link").symlink_to(root.parent / "private")
    (root / "dangling").symlink_to(root.parent / "new.txt")
    files = Files(root, writable=True)
    attempts = [
        lambda: files.write_file("file_link", "x", True),
        lambda: files.write_file("dangling", "x", True),
        lambda: files.write_file("folder_link/new.txt", "x"),
        lambda: files.edit_file("file_link", "outside", "inside"),
        lambda: files.make_folder("folder_link/new"),
        lambda: files.move_file("folder_link/secret.txt", "mine.txt"),
        lambda: files.move_file("notes.txt", "folder_link/notes.txt"),
        lambda: files.delete_file("folder_link/secret.txt"),
        lambda: files.write_file("../new.txt", "x"),
        lambda: files.move_file("notes.txt", "../notes.txt"),
    ]
    for attempt in attempts:
        with pytest.raises(ToolError):
            attempt()
    assert sorted(path.name for path in root.parent.rglob("*") if not path.is_relative_to(root)) == [
        "private",
        "secret.txt",
        "secret.txt",
    ]
    assert files.delete_file("file_link") == Deleted("file_link", "link")
    assert (root.parent / "secret.txt").read_text() == SECRET


def test_a_link_put_in_the_way_meanwhile_is_not_followed(root: Path) -> None:
    """Another thread swaps a folder for a link to the outside, over and over, while files are read and written."""
    (root / "swap").mkdir()
    (root / "swap" / "secret.txt").write_text("inside")
    (root / "bait").symlink_to(root.parent / "private")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "swap").rename(root / "parked")
            (root / "bait").rename(root / "swap")
            (root / "swap").rename(root / "bait")
            (root / "parked").rename(root / "swap")

    thread = threading.Thread(target=swap)
    thread.start()
    files, seen = Files(root, writable=True), set[str]()
    try:
        for number in range(400):
            try:
                files.write_file(f"swap/new{number}", "x")
                seen.add(str(files.read_file("swap/secret.txt")))
            except ToolError as error:
                seen.add(error.message)
    finally:
        stop.set()
        thread.join()
    assert not [told for told in seen if SECRET in told]
    assert os.listdir(root.parent / "private") == ["secret.txt"]


NAMES = st.sampled_from(
    [
        "..",
        ".",
        "",
        "docs",
        "deep",
        "notes.txt",
        "secret.txt",
        "private",
        "root",
        "link",
        "up",
        "~",
        "\0",
        "é",
        "...",
        "..\\",
    ]
)
PATHS = st.one_of(st.lists(NAMES, max_size=7).map("/".join), st.text(max_size=40))


@given(path=PATHS, target=PATHS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_at_all_leads_out(root: Path, path: str, target: str) -> None:
    for name, to in (("link", root.parent / "private"), ("up", Path(".."))):
        if not (root / name).is_symlink():
            (root / name).symlink_to(to)
    files = Files(root, writable=True)
    for act in (
        lambda: files.read_file(path),
        lambda: files.list_files(path or "."),
        lambda: files.file_info(path),
        lambda: files.search_files("outside", path),
        lambda: files.write_file(path, "x", True),
        lambda: files.make_folder(path),
        lambda: files.move_file(path, target),
        lambda: files.delete_file(target),
    ):
        try:
            told = str(act())
        except ToolError as error:
            told = error.message
        assert SECRET not in told
        assert str(root) not in told
    assert sorted(os.listdir(root.parent)) == ["private", "root", "secret.txt"]
    assert os.listdir(root.parent / "private") == ["secret.txt"]
    assert (root.parent / "secret.txt").read_text() == SECRET


def test_finds_lines(root: Path) -> None:
    files = Files(root)
    assert files.search_files("beta") == Matches(
        [
            Match("notes.txt", 2, "beta"),
            Match("docs/guide.md", 2, "See beta."),
            Match("docs/deep/x.py", 1, "print('beta')"),
        ],
        3,
    )
    assert files.search_files("BETA", pattern="*.md", ignore_case=True) == Matches(
        [Match("docs/guide.md", 2, "See beta.")], 1
    )
    assert files.search_files(r"^\w+a$", regex=True) == Matches(
        [Match("notes.txt", 1, "alpha"), Match("notes.txt", 2, "beta"), Match("notes.txt", 3, "gamma")], 3
    )


def test_one_file_may_stand_for_a_folder(root: Path) -> None:
    files = Files(root)
    assert files.search_files("beta", "docs/guide.md") == Matches([Match("docs/guide.md", 2, "See beta.")], 1)
    assert files.list_files("notes.txt") == Listing("notes.txt", [Entry("notes.txt", "file", 17)])


def test_shows_the_part_of_a_long_line_around_the_place(root: Path) -> None:
    (root / "long.txt").write_text("x" * 1000 + "needle" + "y" * 1000)
    found = Files(root).search_files("needle")
    assert found == Matches([Match("long.txt", 1, "..." + "x" * 80 + "needle" + "y" * 154 + "...")], 4)


def test_bounds_what_it_shows(root: Path) -> None:
    (root / "many.txt").write_text("needle\n" * 60)
    found = Files(root).search_files("needle")
    assert len(found.matches) == 50
    assert found.note == "only the first 50 are shown; use a longer text, a pattern, or an inner folder"


def test_passes_over_what_is_no_text(root: Path) -> None:
    (root / "data.bin").write_bytes(b"\0beta")
    assert "data.bin" not in {match.path for match in Files(root).search_files("beta").matches}


def test_complains_of_what_cannot_be_searched(root: Path) -> None:
    files = Files(root)
    with pytest.raises(ToolError, match="no text to look for"):
        files.search_files("")
    with pytest.raises(ToolError, match="several lines"):
        files.search_files("a\nb")
    with pytest.raises(ToolError, match="not valid: missing"):
        files.search_files("(a", regex=True)


def test_a_regular_expression_that_explodes_is_stopped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentkit_tools.patterns.TIMEOUT_SECONDS", 0.5)  # else the test takes as long as the limit
    (root / "bomb.txt").write_text("a" * 60 + "b")
    with pytest.raises(ToolError, match=r"takes more than 0\.5 seconds"):
        Files(root).search_files("(a+)+$", regex=True)


def test_tells_of_a_file_without_reading_it(root: Path) -> None:
    os.utime(root / "notes.txt", (1_700_000_000, 1_700_000_000))
    os.utime(root / "docs", (1_700_000_000, 1_700_000_000))
    files = Files(root)
    assert files.file_info("notes.txt") == FileInfo(
        "notes.txt", "file", "2023-11-14T22:13:20Z", 17, "text/plain", "utf-8"
    )
    assert files.file_info("docs") == FileInfo("docs", "folder", "2023-11-14T22:13:20Z", entries=2)
    assert files.file_info(".").entries == 2


def test_writes_a_new_file_and_replaces_one_only_when_told_to(root: Path) -> None:
    files = Files(root, writable=True)
    assert files.write_file("new.txt", "grün\n") == Written("new.txt", "created", 6)
    with pytest.raises(ToolError, match=r"'new\.txt' exists already\. Use edit_file .* or replace_existing=true"):
        files.write_file("new.txt", "x")
    (root / "new.txt").chmod(0o640)
    assert files.write_file("new.txt", "two", replace_existing=True) == Written("new.txt", "replaced", 3)
    assert (root / "new.txt").read_text() == "two"
    assert stat.S_IMODE((root / "new.txt").stat().st_mode) == 0o640
    assert sorted(os.listdir(root)) == ["docs", "new.txt", "notes.txt"]


def test_a_hard_link_is_not_written_through(root: Path) -> None:
    os.link(root.parent / "secret.txt", root / "same.txt")
    Files(root, writable=True).write_file("same.txt", "mine", replace_existing=True)
    assert (root.parent / "secret.txt").read_text() == SECRET


def test_says_where_a_file_cannot_be_written(root: Path) -> None:
    files = Files(root, writable=True)
    with pytest.raises(ToolError, match="There is no 'missing'"):
        files.write_file("missing/new.txt", "x")
    with pytest.raises(ToolError, match="'docs' is a folder, not a file"):
        files.write_file("docs", "x", True)


def test_edits_exactly_one_place_unless_told_otherwise(root: Path) -> None:
    files = Files(root, writable=True)
    assert files.edit_file("notes.txt", "beta\n", "BETA\n") == Written("notes.txt", "replaced 1 place", 17)
    with pytest.raises(ToolError, match=r"not in 'notes\.txt'"):
        files.edit_file("notes.txt", "delta", "x")
    with pytest.raises(ToolError, match=r"is 4 times in 'notes\.txt' \(lines 1, 1, 3, 3\)"):
        files.edit_file("notes.txt", "a", "o")
    assert files.edit_file("notes.txt", "a", "o", replace_all=True) == Written("notes.txt", "replaced 4 places", 17)
    assert (root / "notes.txt").read_text() == "olpho\nBETA\ngommo\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one\r\ntwo\r\n", b"one\r\nTWO\r\nthree\r\n"),
        ("\ufeffone\ntwo\n".encode(), "\ufeffone\nTWO\nthree\n".encode()),
        ("\ufeffone\ntwo\n".encode("utf-16-le"), "\ufeffone\nTWO\nthree\n".encode("utf-16-le")),
        ("ü\ntwo\n".encode("cp1252"), "ü\nTWO\nthree\n".encode("cp1252")),
        (b"\x81\xfc\ntwo\n" + b"x" * 99, b"\x81\xfc\nTWO\nthree\n" + b"x" * 99),
    ],
)
def test_an_edit_keeps_the_rest_of_the_bytes(root: Path, before: bytes, after: bytes) -> None:
    (root / "text").write_bytes(before)
    Files(root, writable=True).edit_file("text", "two\n", "TWO\nthree\n")
    assert (root / "text").read_bytes() == after


def test_a_character_that_the_file_cannot_hold_is_refused(root: Path) -> None:
    (root / "text").write_bytes("grün".encode("cp1252"))
    with pytest.raises(ToolError, match="'Ω' cannot be written in this file's encoding"):
        Files(root, writable=True).edit_file("text", "n", "Ω")


def test_moves_without_replacing(root: Path) -> None:
    files = Files(root, writable=True)
    assert files.make_folder("a/b") == Written("a/b", "created")
    assert files.make_folder("a/b") == Written("a/b", "existed already")
    assert files.move_file("notes.txt", "a/b/n.txt") == Written("a/b/n.txt", "moved from notes.txt")
    assert files.move_file("a", "c") == Written("c", "moved from a")
    for path, new_path in (("c/b/n.txt", "docs/guide.md"), ("c", "docs"), ("c/b/n.txt", "c/b/n.txt")):
        with pytest.raises(ToolError, match="exists already"):
            files.move_file(path, new_path)
    with pytest.raises(ToolError, match="moved into itself"):
        files.move_file("c", "c/d")
    assert (root / "c" / "b" / "n.txt").read_text() == "alpha\nbeta\ngamma\n"


def test_deletes_files_and_empty_folders(root: Path) -> None:
    files = Files(root, writable=True)
    with pytest.raises(ToolError, match="not empty"):
        files.delete_file("docs/deep")
    assert files.delete_file("docs/deep/x.py") == Deleted("docs/deep/x.py", "file")
    assert files.delete_file("docs/deep") == Deleted("docs/deep", "folder")
    with pytest.raises(ToolError, match="root folder itself"):
        files.delete_file(".")


def test_no_descriptor_is_left_open(root: Path) -> None:
    (root / "link").symlink_to("docs")
    files = Files(root, writable=True)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for path in ("notes.txt", "docs", "link/x", "missing/x", "docs/deep/x.py", "../x"):
        for act in (files.read_file, files.list_files, files.file_info, files.make_folder):
            try:
                act(path)
            except ToolError:
                continue
    files.search_files("beta")
    assert (len(os.listdir("/proc/self/fd")) if before else 0) == before


@pytest.mark.anyio
async def test_an_agent_reads_and_is_told_what_went_wrong(root: Path) -> None:
    model = ScriptedModel(
        calls(
            ("list_files", {}),
            ("read_file", {"path": "notes.txt", "lines": 1}),
            ("read_file", {"path": "../secret.txt"}),
        ),
        "alpha",
    )
    result = await Agent(model, tools=[Files(root)]).run("What is in the notes?")
    assert result.output == "alpha"
    outcomes = [call.outcome for call in model.requests[1].messages[-1].calls]
    assert outcomes[1:] == [
        Returned(
            {
                "path": "notes.txt",
                "text": "alpha\n",
                "first_line": 1,
                "last_line": 1,
                "encoding": "utf-8",
                "read_on": "read_file with first_line=2",
            }
        ),
        Failed("The path '../secret.txt' contains '..'. Name the whole path from the root folder instead."),
    ]


@pytest.mark.anyio
async def test_a_deletion_waits_for_a_person(root: Path) -> None:
    agent = Agent(
        ScriptedModel(calls(("delete_file", {"path": "notes.txt"})), "done"), tools=[Files(root, writable=True)]
    )
    result = await agent.run("Delete the notes.")
    assert [call.tool for call in result.pending] == ["delete_file"]
    assert (root / "notes.txt").exists()
    result = await agent.resume(result.state, approvals={call: Approve() for call in result.pending})
    assert result.output == "done"
    assert not (root / "notes.txt").exists()


@pytest.mark.anyio
async def test_the_offline_model_lists_and_reads(root: Path) -> None:
    agent = Agent("offline:", tools=[Files(root)])
    listed = await agent.run("List the files.")
    assert "notes.txt" in listed.output
    read = await agent.run("Read the file notes.txt.")
    assert "alpha" in read.output
    found = await agent.run('Search the files for "gamma".')
    assert "line: 3" in found.output
