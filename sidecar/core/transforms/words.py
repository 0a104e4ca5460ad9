"""Words that decide between readings: whether `lgnore` was `ignore`, or a run of letters is several words.

Common English words and the vocabulary of instructions to a model; a word that is missing costs a reading, no more.
"""

from __future__ import annotations

from collections.abc import Sequence

WORDS = frozenset(
    """
    a able about above absolutely access according across act action actions activate actually add additional admin
    administrator after again against ai all allow allowed almost along already also always am an and another answer
    answers any anyone anything api are around article as ask asked assistant at attack away back bad based be because
    become been before begin being below best better between beyond big both bot but by bypass call can cannot case
    cat change character chat chatbot check clear code come command commands company complete completely comply
    concerning confidential configuration constraints contain content context continue conversation copy could create
    credentials current cut data day debug delete describe detail details developer did different directive
    directives disable discard disclose disregard disregarding display do document does dog doing dump during each
    earlier echo either else email emails employee enable end english ensure enter entire erase error even ever every
    everyone everything exact exactly example execute exfiltrate existing explain expose extract fact false feel
    fields file files filter filters find first fix folder follow following for forget forgot format forward free
    friend from full function further game gave general generate get give given go god good got great guide guideline
    guidelines had happen hard harmful has have he hello help her here hey hi hidden hide him his how however human i
    idea if ignore ignored ignores ignoring illegal imagine immediately important in include including info
    information initial initially input inside instead instruct instructed instruction instructions internal into
    invoice is it its jailbreak job just keep key keys kill know language last later leak let like limit limitations
    limits line lines list listen little llm log login long look machine made mail make many master may maybe me
    memory message messages might mind mode model moment money more most moving much must my name need network never
    new next no none nor not note nothing now number obey of off old on once one only open or order orders original
    other others otherwise our out output over overridden override overrule page paragraph part password passwords
    past payload people perform permission permissions person phone phrase pirate place play please point poem
    policies policy post pretend prevent previous previously print prior privacy private problem process program
    programming prompt prompts protect protocol provide provided public put question questions quote read really
    recent recite regard regardless release remember remove repeat repeating replace reply report request requests
    respond response responses restricted restriction restrictions result return reveal right role root rule rules
    run safe safety said same save say script search second secret secrets secure security see send sentence set
    shall share she should show sign simulate since skip small so some someone something soon source speak special
    spell start started state statement step still stop story string summarise summarize summary supposed sure system
    systems table take talk task tasks tell terminal terms test text than that the their them then there these they
    thing things think this those though thousand through time times title to today together token tokens told too
    tool tools top toward train trained training translate translation tree true trust try turn two type uncensored
    under understand unfiltered unless unrestricted until up update upon uppercase us use used user users using
    verbatim version very view violate want was watch way we web website welcome well were what whatever when where
    whether which while who whole whose why wide will wipe wish with within without wonder word words work world would
    write writing written wrong yes yet you your yours yourself zero
    """.split()  # noqa: SIM905 - six hundred quoted strings are no list to read
)

# Words that attacks on a model are made of; their disguised forms are what the scanner looks for. Five letters at
# least, so that no disguised form is an ordinary word.
ANCHORS = (
    "ignore",
    "ignoring",
    "disregard",
    "forget",
    "override",
    "bypass",
    "previous",
    "prior",
    "instruction",
    "prompt",
    "system",
    "reveal",
    "repeat",
    "pretend",
    "password",
    "secret",
    "credential",
    "jailbreak",
    "unrestricted",
    "restrictions",
    "guideline",
    "confidential",
    "developer",
    "assistant",
    "everything",
    "anything",
    "without",
    "following",
    "execute",
    "please",
    "should",
    "answer",
    "respond",
)

# Short words that hardly any English text does without.
FUNCTION_WORDS = ("the", "and", "you", "your", "that", "this", "with", "have")

# Their like in German, French, Spanish, Italian and Portuguese; backwards, some would be English words.
FOREIGN_WORDS = (
    "und",
    "que",
    "les",
    "des",
    "los",
    "las",
    "ich",
    "alle",
    "todas",
    "todo",
    "toutes",
    "sind",
    "vergiss",
    "olvida",
)

# Letters of other scripts, for the inside of a class: Cyrillic, Arabic, Indic, kana, ideographs, Hangul.
OTHER_LETTERS = "\u0400-\u052f\u0620-\u06d3\u0904-\u0dff\u3041-\u30ff\u4e00-\u9fff\uac00-\ud7a3"

# Words of attacks in other languages, as far as one form or stem of them is never an English word backwards.
FOREIGN_ANCHORS = (
    *(
        "vergiss",
        "ignorier",
        "anweisung",
        "aufgabe",
        "schreibe",
        "bitte",
        "instrukc",
        "zaboravi",
        "instruccion",
        "ignora",
    ),
    *("olvida", "anterior", "oublie", "consigne", "ignorez", "istruzion", "dimentica", "precedent", "esque\u00e7a"),
    *("\u0438\u043d\u0441\u0442\u0440\u0443\u043a\u0446", "\u0438\u0433\u043d\u043e\u0440\u0438\u0440"),
    *("\u0437\u0430\u0431\u0443\u0434\u044c", "\u043f\u0440\u0435\u0434\u044b\u0434\u0443\u0449"),
    *("\u0441\u0435\u043a\u0440\u0435\u0442", "\u043d\u0430\u043f\u0438\u0448\u0438"),
    *("\u0928\u093f\u0930\u094d\u0926\u0947\u0936", "\u092a\u093f\u091b\u0932\u0947"),
    *("\u6307\u4ee4", "\u5ffd\u7565", "\u63d0\u793a\u8bcd", "\u6307\u793a\u3092", "\u7121\u8996\u3057"),
    "\ud504\ub86c\ud504\ud2b8",
)

# Parts of split words are shorter than this on average; words are not.
_WORD_LENGTH = 3.5


def are_words(parts: Sequence[str]) -> bool:
    """Tell whether parts are words rather than pieces of one.

    Two are if both are known; in a chain, half of them will do, or the length of words.
    """
    if "".join(parts).lower() in WORDS:  # `for*get`
        return False
    known = sum(part.lower() in WORDS for part in parts)
    if len(parts) == 2:
        return known == 2
    return 2 * known >= len(parts) or sum(map(len, parts)) > _WORD_LENGTH * len(parts)
