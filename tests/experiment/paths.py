"""Puts the experiment's modules on the path."""
import os
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path[:0] = [os.path.join(ROOT, "deploy", part) for part in ("experiment", "demo")]
