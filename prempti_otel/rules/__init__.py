"""The Falco rule language: load rules files (``loader``), list what they define (``outline``), judge events by them.

Imports nothing: who lists rules starts without what compiles them.
"""
