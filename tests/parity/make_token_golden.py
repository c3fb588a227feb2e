#!/usr/bin/env python3
"""Writes tests/golden/clip_tokens.json: texts and their ids by open_clip 3.3.0.

Usage (with open_clip_torch==3.3.0 and ftfy==6.3.1 installed):
  make_token_golden.py > tests/golden/clip_tokens.json

Texts with wrongly decoded bytes, which ftfy repairs and Keel does not
(worker/data/text_cleaner.h), are left out on purpose.
"""
import json

from open_clip.tokenizer import SimpleTokenizer

TEXTS = [
    "", " ", "a", "hello world", "A photo of a CAT.", "a  diagram\tof\n\n a   dog ",
    "the dog's bone, the dogs' bones", "I'm you're we've they'll he'd can't it's",
    "'s 't 're 've 'm 'll 'd 'x", "!'s ?'re '''ll", "rock'n'roll", "3.14159 and 2,718",
    "1234567890", "a1b2c3", "x²+y³=½", "Ⅷ ① ١٢٣", "hello_world --- ... !!! ?!",
    "http://example.com/a?b=c&d=e#f", "user@example.com", "C++20 & C#", "$9.99 (50% off)",
    "<b>bold</b> &amp; <i>italic</i>", "fish &amp; chips", "fish &amp;amp; chips",
    "&lt;tag&gt; &quot;q&quot; &#39;x&#39; &#x27;y&#x27;", "caf&eacute; &EACUTE;COLE &Eacute;t&eacute;",
    "this&not that &notit; &ampere &copy2024", "&hellip; &mdash; &nbsp; &#151; &#0; &#xD800; &#1;",
    "&NotEqualTilde; &fjlig; &bogus; &;", "&#x110000; &#99999999999; &#x3b;",
    "“curly” ‘quotes’ ‚low‛ „x‟ ʼn", "it’s Alice’s “book”", "ﬁne ﬂuﬃest ﬀ ﬄ ﬅ ﬆ",
    "Ĳssel ŉ Ǆ ǅ ǆ Ǉ ǈ ǉ Ǌ ǋ ǌ Ǳ ǲ ǳ", "ＬＯＵＤ　ＮＯＩＳＥＳ １２３", "Ｕﾀｰﾝ ﾡ ￦",
    "cafe\u0301 nai\u0308ve", "Ångström K Å", "İstanbul ΣΑΣ ὈΔΥΣΣΕΎΣ Straße ẞ", "'ſ ſ long",
    "日本語のテキスト", "한국어 텍스트", "ภาษาไทย", "हिन्दी में", "العربية نص", "русский текст",
    "Ελληνικά", "עברית", "😀 smile 😃😄", "👨‍👩‍👧‍👦 family 🇩🇪 flag", "a\u200bb\u200dc\ufeffd",
    "\x1b[31mred\x1b[0m text", "bell\x07 null\x00 del\x7f vt\x0b ff\x0c", "line\r\nbreak\rand\u2028more\u2029",
    "x\u00a0y\u3000z\u2003w", "<start_of_text> a <end_of_text>", "a<END_OF_TEXT>b", "!<end_of_text>",
    "α\u0345β x\u0345y", "© 2024 ® ™ € £ ¥ ×÷", "supercalifragilisticexpialidocious",
    "antidisestablishmentarianism floccinaucinihilipilification", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "qwrtpsdfghjklzxcvbnm" * 8, "the quick brown fox jumps over the lazy dog " * 4,
    "Road sign, arrow left - traffic; warning: (yellow)", "Tux the penguin playing guitar, linux mascot gnu",
    "line one <b>\nline two &eacute; &amp;", "first &eacute;\n<second> &EACUTE;",
    "&" + "amp;" * 40 + "amp cat", "&" + "#38;" * 30 + " dog", "&semi" * 20 + "; cat",
    "&#5&#4&#5&#5&#5&#51;;;;;; tail", "&#65286;#65286;lt;x", "&#65307&#65307; y", "&am&#112;;eacute;",
    "\x1b[&amp;#51;m", "fish&amp;amp;amp;#10;chips", "a" + "\u0301\u0323" * 20, "\u0344\u0323\u0f73\u0301 x",
]


def main():
    tokenizer = SimpleTokenizer()
    rows = [{"text": text, "ids": tokenizer.encode(text)} for text in TEXTS]
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")


if __name__ == "__main__":
    main()
