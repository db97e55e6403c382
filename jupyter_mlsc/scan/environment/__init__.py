"""What is installed, held against what its installer wrote down: distributions, start-up files, advisories, licences, the interpreter.

Rules kept: nothing that is looked at is imported or run; what lies beside the files it describes (RECORD) is evidence of an accident or of a
careless change, not of a careful one, and the findings say so.
"""
