"""Random students: every family, seeded, with a tokenizer for any text."""

from pathlib import Path

import pytest
from transformers import AutoConfig, AutoTokenizer

from training.artifact import tree_digest
from training.recipe import FAMILIES
from training.rehearsal.models import ARCHITECTURES, random_student

TEXTS = ["Question: Ann has 3 pens.\nReasoning:\n3 + 4 = 7. The answer is 7"] * 3


def test_every_family_of_a_recipe_has_an_architecture() -> None:
    assert tuple(ARCHITECTURES) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_made_again_from_its_seed(family: str, tmp_path: Path) -> None:
    digests = [
        tree_digest(random_student(tmp_path / str(number), family, TEXTS, seed=seed))[0]
        for number, seed in enumerate((7, 7, 8))
    ]
    assert digests[0] == digests[1] != digests[2]
    config = AutoConfig.from_pretrained(tmp_path / "0")
    assert config.model_type == {"codellama": "llama", "gemma3": "gemma3_text"}.get(family, family)
    assert getattr(config, "sliding_window", None) in (None, 2048)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "0")
    for text in (TEXTS[0], "naïve 日本 🎉\t{x}"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer(TEXTS[0])["input_ids"]) < len(TEXTS[0]) / 2  # it has learned the texts
