"""Registry of the public sets."""

from service.errors import ConfigurationError
from service.types import PathKind
from training.data.public import columns, problems, rationales
from training.data.public.origins import Origin
from training.data.public.public_set import HubSet, PublicSet
from training.data.public.rationales import RationaleSource, Texts

_EIT = "EIT-NLP/Distilling-CoT-Reasoning"
_TIGER = "TIGER-AI-Lab/Program-of-Thoughts"
_REFT = "lqtrung1998/mwp_ReFT"


def public_set(name: str) -> PublicSet:
    """Public set of a name.

    Raises:
        ConfigurationError: the set is unknown.
    """
    if name not in PUBLIC_SETS:
        raise ConfigurationError(f"unknown data set {name}; the public sets are {', '.join(PUBLIC_SETS)}")
    return PUBLIC_SETS[name]


def _eit(terms: str, *rows: tuple[str, str, int, int, str, int]) -> RationaleSource:
    """Source EIT-NLP. A row is file, teacher, level of detail from 1, kept texts, blob and size."""
    files = tuple(
        Texts(
            Origin(_EIT, f"data/{file}_ranked.json", blob, size),
            rationales.eit,
            teacher,
            PathKind.COT,
            kept,
            {"detail": detail},
        )
        for file, teacher, detail, kept, blob, size in rows
    )
    return RationaleSource("eit", "Apache-2.0", terms, files)


def _codex(*rows: tuple[str, str, int, str, int]) -> RationaleSource:
    """Source TIGER-AI-Lab. A row is file, style of the prompt, kept texts, blob and size."""
    files = tuple(
        Texts(
            Origin(_TIGER, f"outputs/{file}.jsonl", blob, size),
            rationales.codex,
            "codex",
            PathKind.POT,
            kept,
            {"style": style},
        )
        for file, style, kept, blob, size in rows
    )
    return RationaleSource("codex", "MIT", "OpenAI", files)


def _gpt35(cot: Origin, cot_rows: int | None, pot: Origin, pot_rows: int | None) -> RationaleSource:
    """Source mwp_ReFT. Counts of kept texts are None if they were never measured."""
    files = (
        Texts(cot, rationales.gpt35_cot, "gpt-3.5-turbo", PathKind.COT, cot_rows),
        Texts(pot, rationales.gpt35_pot, "gpt-3.5-turbo", PathKind.POT, pot_rows),
    )
    return RationaleSource("gpt35", "Apache-2.0", "OpenAI", files)


_SVAMP = Origin("arkilpatel/SVAMP", "SVAMP.json", "aad093525105c6331581d7082250b9c22578271e", 339_970)
_ASDIV = Origin("chaochun/nlu-asdiv-dataset", "dataset/ASDiv.xml", "092be2256db15f64a11b2d95d958027c8e7fa432", 947_401)
_MULTIARITH = Origin(_TIGER, "data/multiarith.json", "8b720d2f5b6658913bb3160fb0554aa57173ef3f", 254_012)
_MAWPS_COT = Origin(_REFT, "data/svamp_nl.json", "dbbe1f78dc9026a22892c905f1d04803fce47871", 1_881_012)
_MAWPS_POT = Origin(_REFT, "data/svamp_python_sdp.json", "ef796fefcb3008f353ccb71591792ed5d9efa2dc", 1_849_934)
_GSM8K_PATH = "grade_school_math/data"
_FLASH, _GPT4O, _LLAMA = "gemini-1.5-flash", "gpt-4o", "llama-3-70b"

_ALL = (
    PublicSet(
        "svamp",
        "SVAMP, word problems of one step",
        "MIT",
        "The 700 training questions of EIT-NLP and of ChilleD/SVAMP on the hub; the other 300 are for tests. "
        "SVAMP's authors published no split.",
        {"train": 700, "test": 300},
        (_SVAMP, Origin(_EIT, "data/SVAMP_only_ans.json", "578411984ad9d11229cf36c5b273dd09cfbf8553", 157_848)),
        problems.svamp,
        (
            # The least detailed texts seldom state a calculation, so they are left out.
            _eit(
                "Google, OpenAI",
                ("SVAMP_gemini_level2", _FLASH, 2, 682, "415ffdd4c270b2946aa595f92df33d70f6bd74f1", 261_474),
                ("SVAMP_gemini_level3", _FLASH, 3, 681, "70c1df1d4db5c4d40e143959cc4022a2486627ea", 273_358),
                ("SVAMP_gemini_level4", _FLASH, 4, 679, "27e6def58630ee0e79fd4bc370257a84ee7da080", 291_541),
                ("SVAMP_gemini_level5", _FLASH, 5, 635, "5d9ce6f2ff7a0d0eb2c6d1e6f0d3f107f9de351d", 311_122),
                ("SVAMP_gemini_level6", _FLASH, 6, 665, "53ede65f095eded4e843ca588f3e79b970e107c5", 354_057),
                ("SVAMP_ChatGPT_level3", _GPT4O, 3, 658, "8674e3ac69b77236b21202a8812b8e354a5974de", 334_565),
                ("SVAMP_ChatGPT_level4", _GPT4O, 4, 677, "65b3af36226a115a049c06d8435dd71450fd1092", 369_891),
                ("SVAMP_ChatGPT_level5", _GPT4O, 5, 665, "a2eaa1cbb968bb278291826620371755c73eb625", 417_034),
                ("SVAMP_ChatGPT_level6", _GPT4O, 6, 667, "da1f9c0d1f6fbc01af2d74be067380edc0c8182f", 454_589),
            ),
            _codex(
                ("svamp_s0_e-1_11_24_14_38", "few-shot", 700, "02cbf7c241d9b1e58103eb3d5ce50842143299dc", 382_676),
                ("svamp_zs_s0_e-1_11_18_20_12", "zero-shot", 700, "20243500e46802239ab5edf7269647fdf7841bfe", 985_619),
            ),
        ),
        HubSet("ChilleD/SVAMP", None, {"train": "train", "test": "test"}, columns.svamp),
    ),
    PublicSet(
        "gsm8k",
        "GSM8K, word problems of several steps",
        "MIT",
        "The authors' split.",
        {"train": 7473, "test": 1319},
        (
            Origin(
                "openai/grade-school-math",
                f"{_GSM8K_PATH}/train.jsonl",
                "7d97154b91aef28d01c3301741c81ce90039a4b1",
                4_166_206,
            ),
            Origin(
                "openai/grade-school-math",
                f"{_GSM8K_PATH}/test.jsonl",
                "e4c2ff4942b9a78bd74f04141224c11e28d12dc9",
                749_738,
            ),
        ),
        problems.gsm8k,
        (
            _eit(
                "Google, Meta (Llama 3)",
                ("gsm8k_gemini_level2", _FLASH, 2, 6_976, "a0b2c851300276dc5d19c8bed13c308454c2f939", 3_807_289),
                ("gsm8k_llama_level1", _LLAMA, 1, 7_108, "29380a8a213459fa7abb8d4018d750d0484e3729", 2_939_760),
                ("gsm8k_llama_level2", _LLAMA, 2, 7_256, "8231ca1659b334df0252f068996594f70ec0e1bd", 3_952_313),
            ),
            _gpt35(
                Origin(_REFT, "data/gsm8k_nl.json", "deb398325d6e8f1f984ad993dd5c4de7444c1e33"),
                None,
                Origin(_REFT, "data/gsm8k_python_sdp.json", "f1b5c9bce340a249333831b7dc63a78b74a646a4"),
                None,
            ),
        ),
        HubSet("openai/gsm8k", "main", {"train": "train", "test": "test"}, columns.gsm8k),
    ),
    PublicSet(
        "asdiv",
        "ASDiv, word problems of one or two steps",
        "CC BY-NC 4.0: no commercial use",
        "One test set, without the 132 problems whose answer is not one value. The authors cross-validate.",
        {"test": 2173},
        (_ASDIV,),
        problems.asdiv,
        hub=HubSet("EleutherAI/asdiv", None, {"test": "validation"}, columns.asdiv),
    ),
    PublicSet(
        "multiarith",
        "MultiArith, word problems of two steps",
        "MIT (of the repository TIGER-AI-Lab/Program-of-Thoughts)",
        "One test set. The hub splits it into 420 and 180 problems.",
        {"test": 600},
        (_MULTIARITH,),
        problems.multiarith,
        (
            _codex(
                (
                    "multiarith_zs_s0_e-1_11_19_20_12",
                    "zero-shot",
                    599,
                    "05ad6e0a346a9250ce2902a0be1770e257f9fdcd",
                    580_607,
                ),
            ),
        ),
        HubSet("ChilleD/MultiArith", None, {"test": "train+test"}, columns.multiarith),
    ),
    PublicSet(
        "strategyqa",
        "StrategyQA, yes/no questions on facts",
        "MIT",
        "The authors' random 90/10 split of the official training set, whose test answers are not public. "
        "The hub has a split of its own into train and test.",
        {"train": 2061, "dev": 229},
        (
            Origin(
                "eladsegal/strategyqa",
                "data/strategyqa/train.json",
                "df79706e10671bebebb87a610fdd434576c27a18",
                3_857_762,
            ),
            Origin(
                "eladsegal/strategyqa",
                "data/strategyqa/dev.json",
                "32932a11f4d7033bb700cacf5826d85607ba868c",
                424_195,
            ),
        ),
        problems.strategyqa,
        (
            # The three levels with the shortest texts.
            _eit(
                "Google, Meta (Llama 3), OpenAI",
                ("stqa_gemini_level1", _FLASH, 1, 1_769, "a9eb36bb8c043f4327a8a6c95c386e4103829f28", 744_037),
                ("stqa_gemini_level2", _FLASH, 2, 1_775, "f826e87799ddc144f8a48f2bbb9b559edb6de6ec", 901_248),
                ("stqa_gemini_level3", _FLASH, 3, 1_780, "e6d2db5362852d386f034fbde93bc0a84796ef44", 1_041_247),
                ("stqa_llama_level1", _LLAMA, 1, 1_777, "19084bd07b4120934ecae395aefc0299cea8595a", 562_180),
                ("stqa_llama_level2", _LLAMA, 2, 1_776, "a3d07c13389e4ea74e7282438d4e6a9c03093fdc", 809_948),
                ("stqa_llama_level3", _LLAMA, 3, 1_762, "52b4f22dce19393313a6fbcb2211e1da1747d893", 1_123_619),
                ("strategyQA_chatgpt_level_1", _GPT4O, 1, 1_726, "c1b4b8995d0f6f3fa8b4239cf7831f07280f50cf", 656_650),
                ("strategyQA_chatgpt_level_2", _GPT4O, 2, 1_719, "bb50bd32afaf34b76f326432e7c37cce63506e9a", 848_249),
                ("strategyQA_chatgpt_level_3", _GPT4O, 3, 1_730, "b3dff1ea2f6ffc882261491a319fb1444256fef1", 919_578),
            ),
        ),
        HubSet("ChilleD/StrategyQA", None, {"train": "train", "test": "test"}, columns.strategyqa),
    ),
    PublicSet(
        "mawps",
        "MAWPS, short word problems",
        "Apache-2.0 (of the repository lqtrung1998/mwp_ReFT)",
        "Only training: the problems of mwp_ReFT that are in none of SVAMP, ASDiv and MultiArith.",
        {"train": 1310},
        (_MAWPS_COT, _MAWPS_POT, _SVAMP, _ASDIV, _MULTIARITH),
        problems.mawps,
        (_gpt35(_MAWPS_COT, 1441, _MAWPS_POT, 1426),),
    ),
)

PUBLIC_SETS = {known.name: known for known in _ALL}
"""The public sets by name."""
