"""Each rule of the prose linter fails on a bad example and passes on a good one."""

import re
from pathlib import Path

import pytest

from dev import prose


def rules(findings: list[prose.Finding]) -> list[tuple[int, str]]:
    return [(finding.line, finding.rule) for finding in findings]


def words(number: int) -> str:
    return " ".join(["Word"] + ["word"] * (number - 1)) + "."


def module(docstring: str) -> list[tuple[int, str]]:
    return rules(prose.check_python(f'"""{docstring}"""\n'))


def function(docstring: str) -> list[tuple[int, str]]:
    return rules(prose.check_python(f'def run():\n    """{docstring}"""\n'))


def test_a_markdown_sentence_has_at_most_30_words() -> None:
    assert rules(prose.check_markdown(words(30))) == []
    assert rules(prose.check_markdown(f"# Title\n\n{words(31)}")) == [(3, "length")]


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{words(31)}\n```",
        f"A command:\n\n    {words(31)}",
        f"| {words(31)} |",
        f"<!-- figures: peers -->\n{words(31)}\n<!-- /figures -->",
        f"{words(30)[:-1]} `{words(31)}`"[5:],
        f"[short]({'x' * 400}) ![{words(31)}](page.png)",
    ],
    ids=["fence", "indented", "table", "generated", "span", "link"],
)
def test_code_tables_links_and_figures_have_no_sentences(text: str) -> None:
    assert rules(prose.check_markdown(text)) == []


def test_sentences_end_at_items_and_paragraphs_and_not_at_abbreviations() -> None:
    item = words(20)[:-1]
    assert rules(prose.check_markdown(f"- {item}\n- {item}\n\n{item}\n\n1. {item}")) == []
    assert rules(prose.check_markdown(f"- {item},\n  {item}")) == [(1, "length")]
    assert rules(prose.check_markdown(f"{item} e.g. {item}")) == [(1, "length")]


def test_a_docstring_sentence_has_at_most_25_words() -> None:
    assert function(f"Runs.\n\n    | {words(26)} |\n    ") == []
    assert function(words(25)) == []
    assert function(words(26)) == [(2, "length")]
    assert function(f"Runs.\n\n    Args:\n        one: {words(25)}\n        two: {words(25)}\n    ") == []
    assert function(f"Runs.\n\n    Args:\n        one: {words(26)}\n    ") == [(5, "length")]


@pytest.mark.parametrize("word", ["What", "Who", "Whose", "How", "Where", "When", "Why"])
def test_no_docstring_opens_with_a_question(word: str) -> None:
    assert function("Runs the whatnot, and shows how.") == []
    assert function(f"{word} it runs.") == [(2, "opening")]


def test_no_entry_is_a_question() -> None:
    assert function("Runs.\n\n    Raises:\n        Error: when the engine exited.\n    ") == []
    assert function("Runs.\n\n    Args:\n        paths: how many paths run.\n    ") == [(2, "opening")]


def test_a_module_docstring_begins_with_at_most_12_words_and_has_at_most_60() -> None:
    assert module(words(12)) == []
    assert module(words(13)) == [(1, "module_first_sentence_words")]
    assert function(words(13)) == []
    assert module(f"{words(12)}\n\n{words(24)} {words(24)}") == []
    assert module(f"{words(12)}\n\n{words(24)} {words(25)}") == [(1, "module_docstring_words")]
    assert module(f"{words(12)}\n\n    {words(90)}\n") == []


def test_a_docstring_has_no_semicolon_outside_code() -> None:
    assert function("Runs `a; b` and\n\n        a; b\n    ") == []
    assert function("Runs; ends.") == [(2, "semicolon")]
    assert rules(prose.check_python('LIMIT = 1\n"""Seconds; at most."""\n')) == [(2, "semicolon")]
    assert rules(prose.check_python('run()\n"""No docstring; a text."""\n')) == []


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("CoT alone", "only CoT"),
        ("measured anew", "measured again"),
        ("is gone on\nwith", "resumes"),
        ("The body is no JSON", "There is no body"),
        ("It is no key", "It is no longer a key"),
        ("none takes the default", "None takes the default"),
        ("the key, whoever sends it", "the key that a caller sends"),
        ("it is told at once", "it is reported at once"),
    ],
)
def test_words_of_the_list_are_found_in_documents_docstrings_and_comments(bad: str, good: str) -> None:
    comment = "\n".join(f"# {line}" for line in bad.splitlines())
    assert [rule for _, rule in rules(prose.check_markdown(f"The value: {bad}."))] == ["word"]
    assert rules(prose.check_markdown(f"The value: {good}.")) == []
    assert [rule for _, rule in function(f"The value: {bad}.")] == ["word"]
    assert function(f"The value: {good}.") == []
    if "\n" not in bad:
        assert rules(prose.check_python(f"{comment}\n")) == [(1, "word")]
    assert rules(prose.check_python(f"# {good}\nvalue = 'alone'\n")) == []
    assert rules(prose.check_markdown(f"| a | {bad.splitlines()[0]} |")) == ([(1, "word")] if "\n" not in bad else [])


def test_words_are_found_in_scripts_and_style_sheets() -> None:
    script = """const alone = new Promise(asks); // alone
/* One
   tells. */
say("It asks.", 'http://x', `It ${alone} asks.`);
"""
    assert rules(prose.check_page(script, prose.PAGE_TEXTS[".js"])) == [
        (1, "word"),
        (3, "word"),
        (4, "word"),
        (4, "word"),
        (4, "word"),
    ]
    assert rules(prose.check_page("alone { color: red } /* alone */", prose.PAGE_TEXTS[".css"])) == [(1, "word")]


def test_words_are_found_in_the_texts_of_html() -> None:
    page = """<p id="alone" class="asks" title="It asks.">One <b>word</b>
alone.</p>
<input placeholder="It tells." data-alone="alone"><!-- alone -->"""
    assert rules(prose.check_page(page, prose.PAGE_TEXTS[".html"])) == [(1, "word"), (2, "word"), (3, "word")]


def test_a_finding_names_its_line() -> None:
    assert prose.check_markdown("One\ntwo alone\nthree.") == [prose.Finding(2, "word", "'alone': only")]


def test_the_command_reports_findings_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.md").write_text("CoT alone.")
    (tmp_path / "bad.py").write_text('"""How it runs."""\n')
    (tmp_path / "bad.txt").write_text("CoT alone.")
    monkeypatch.setattr("sys.argv", ["prose", str(tmp_path)])
    with pytest.raises(SystemExit, match="2 findings"):
        prose.main()
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/bad.md:1: word: 'alone': only",
        f"{tmp_path}/bad.py:1: opening: begins with 'How'",
    ]
    (tmp_path / "bad.md").write_text("Only CoT.")
    (tmp_path / "bad.py").write_text('"""One run."""\n')
    prose.main()


@pytest.mark.slow
def test_the_configured_paths_exist_and_have_no_findings() -> None:
    paths = [prose.ROOT / name for name in prose.CONFIG["paths"]]
    assert [
        path for path in [*paths, *(prose.ROOT / name for name in prose.CONFIG["exclude"])] if not path.exists()
    ] == []
    assert [(file, finding) for file in prose.files(paths) for finding in prose.check(file)] == []


def test_the_readme_is_short_and_plain() -> None:
    text = (prose.ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 900
    assert len(text.splitlines()) <= 120
    blocks = prose.markdown_blocks(text)
    assert [block.text for block in blocks if block.text.count("\n") >= 4] == []
    sentences = [sentence for block in blocks for sentence in block.sentences]
    assert [sentence for sentence in sentences if sum(bool(re.search(r"\d", word)) for word in sentence) > 1] == []
