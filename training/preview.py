"""The dry run: examples as the student will see them, what it must learn told from what it is given."""

from service.types import PathKind
from training.packs import Encoder, Example
from training.run import Run
from training.stages.data import base_model, examples
from training.student import load_tokenizer


def preview(run: Run, count: int) -> None:
    """Print `count` examples, evenly drawn from the data set's, of both kinds in turn."""
    kinds = [[example for example in examples(run) if example.kind is kind] for kind in PathKind]
    encoder = Encoder(tokenizer := load_tokenizer(base_model(run)))
    for place in range(count):
        found = kinds[place % len(kinds)]
        example = found[place * len(found) // count]
        print(masked(encoder, tokenizer.decode, example), end="\n\n")


def masked(encoder: Encoder, decode: object, example: Example) -> str:
    """One example: the masked prompt between ⟦ and ⟧, then the text that is learned, with token counts."""
    assert callable(decode)
    ((prompt, completion),) = encoder.encode([example])
    head = f"{example.id} {example.kind.value} ({example.source}): {len(prompt)} given, {len(completion)} learned"
    return f"{head}\n⟦{decode(list(prompt))}⟧{decode(list(completion))}"
