"""The hostile corpus: scripts that try to get out, each run in a host process of its own.

::

    python -m llmspell_testkit.hostile lua
    python -m llmspell_testkit.hostile javascript --case escape-constructor --isolation process
"""
