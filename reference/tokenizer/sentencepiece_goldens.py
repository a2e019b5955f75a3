"""Trains two tiny SentencePiece BPE models and writes their vocabularies with the ids of several hundred strings."""

import json
import pathlib
import random
import tempfile

import sentencepiece as spm

GOLDEN = pathlib.Path(__file__).parents[2] / "test/golden/tokenizer"
SEED = 20261122
MARK = "[mark]"


def strings(texts: list[str], rng: random.Random) -> list[str]:
    out = ["", " ", "  ", " a", "a ", "\n", "\n\nQ?", "\t", "a\u2581b", "<unk>", "<s>", "[mark]", "x[mark] y", "\u0000", "🎉👍🏽", "e\u0301"]
    words = [word for text in texts for word in text.split(" ")]
    while len(out) < 300:
        kind = rng.randrange(4)
        if kind == 0:
            out.append(" ".join(rng.choices(words, k=rng.randrange(1, 8))))
        elif kind == 1:
            text = rng.choice(texts)
            start = rng.randrange(len(text))
            out.append(text[start : start + rng.randrange(1, 60)])
        elif kind == 2:
            out.append("".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(160, 0x2FFF), rng.randrange(0x1F300, 0x1F6FF)])) for _ in range(rng.randrange(1, 12))))
        else:
            out.append("".join(rng.choice(["  ", " ", "a", "the", "\n", "1", "é", "你"]) for _ in range(rng.randrange(1, 20))))
    return out


def token_type(processor: spm.SentencePieceProcessor, index: int) -> int:
    # numbered as in GGUF
    if processor.is_unknown(index):
        return 2
    if processor.is_control(index):
        return 3
    if processor.is_byte(index):
        return 6
    return 4 if processor.id_to_piece(index) == MARK else 1


def case(name: str, texts: list[str], add_prefix: bool, byte_fallback: bool) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        corpus = pathlib.Path(folder) / "corpus.txt"
        corpus.write_text("\n".join(texts), encoding="utf-8")
        prefix = f"{folder}/model"
        spm.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=prefix, model_type="bpe", vocab_size=900, byte_fallback=byte_fallback,
            normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=add_prefix,
            character_coverage=0.98, user_defined_symbols=[MARK], split_digits=True, minloglevel=2, num_threads=1,
        )
        processor = spm.SentencePieceProcessor(model_file=f"{prefix}.model")
    rng = random.Random(SEED)
    samples = strings(texts, rng)
    return {
        "name": name, "addSpacePrefix": add_prefix,
        "tokens": [processor.id_to_piece(i) for i in range(processor.get_piece_size())],
        "scores": [processor.get_score(i) for i in range(processor.get_piece_size())],
        "tokenTypes": [token_type(processor, i) for i in range(processor.get_piece_size())],
        "strings": [{"text": text, "ids": processor.encode(text), "decoded": processor.decode(processor.encode(text))} for text in samples],
    }


def main() -> None:
    languages = json.loads((GOLDEN / "languages.json").read_text(encoding="utf-8"))["languages"]
    texts = [text for code in ["eng", "deu_1996", "fra", "rus"] for text in languages[code]]
    cases = [
        case("dummy prefix and byte fallback", texts, True, True),
        case("no prefix, byte fallback", texts, False, True),
        case("dummy prefix, unknown token", texts, True, False),
    ]
    file = {"source": f"sentencepiece {spm.__version__}", "seed": SEED, "cases": cases}
    (GOLDEN / "sentencepiece.json").write_text(json.dumps(file, ensure_ascii=False) + "\n", encoding="utf-8")


main()
