#!/usr/bin/env python3
"""Writes worker/data/html5_entities.tsv from Python's copy of the HTML5 table.

Usage: make_html_entities.py > worker/data/html5_entities.tsv
"""
import html.entities


def main():
    print("# HTML's named character references (WHATWG), as Python's html.entities.html5 has them;")
    print("# made by tests/parity/make_html_entities.py. Name, tab, code points in hexadecimal.")
    for name, text in sorted(html.entities.html5.items()):
        print(name + "\t" + " ".join(f"{ord(c):x}" for c in text))


if __name__ == "__main__":
    main()
