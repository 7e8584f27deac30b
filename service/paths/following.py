"""Labels of another task or another turn in a text.

Base models and weakly tuned models write a next question after the answer. A restated problem at the top has the same
labels, so a label ends the text only after an answer or a program.
"""

import re

TASKS = "question|problem|exercise|example|task|puzzle|instruction|input|query|q"
SPEAKERS = "human|user|assistant|system|student|teacher|customer|bot|ai|gpt|model|response"
NEXT = "next|another|new|similar|follow-?up"
_NUMBER = r"\s?#?[0-9]{1,4}"
TOKENS = (
    r"<\|(?:im_start|im_end|eot_id|eom_id|end_of_text|endoftext|start_header_id|end_header_id|begin_of_text|end|return"
    r"|user|assistant|system|start|turn|end_of_solution|end_response|end_of_turn_token|start_of_turn_token)\|?>"
    r"|</?s>|<eos>|<bos>|<(?:start|end)_of_turn>|<turn\|>|</response>|\[/?INST\]|<</?SYS>>"
    r"|<｜(?:user|assistant|system|(?:begin|end)▁of▁sentence)｜>"
)
# The lookaheads for one character only save time.
FOLLOWING = re.compile(
    rf"^(?:[ \t>*_#\[]{{0,12}}+(?=[a-z])(?:(?P<task>(?:{NEXT})\s(?:{TASKS})|(?:{TASKS}){_NUMBER}|{TASKS})|{SPEAKERS})"
    rf"[*_\]]{{0,4}}(?:\s?[:：]|(?<=[0-9])[*_\].)]{{0,4}}\s?$|(?<=[0-9])[.)]\s(?=[A-Z]))"
    rf"|(?P<heading>\#{{1,6}}\s[*_]{{0,3}}(?:(?:{NEXT})\s)?(?:{TASKS})[*_]{{0,3}}[ \t]*$)"
    r"|[ \t>*_]{0,6}(?:(?P<q>Q\.[*_]{0,3}\s(?=\w))|(?P<zh>(?:问题|題目|题目|問題)\s?[0-9]{0,3}\s?[:：])))"
    rf"|(?=[<\[])(?:{TOKENS})",
    re.IGNORECASE | re.MULTILINE,
)
"""Label of a task (group `task`) or of a speaker at the start of a line, or a token of a chat template as text."""
