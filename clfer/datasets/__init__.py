"""One module for each dataset, named like its block in params.yaml (the demo's is a folder with a
`dataset.py`). It provides

EVIDENCE                     whether a score on it can say anything about a method
SPLITS                       usage as published -> train, val or test
Source, Labels               the settings `datasets.D.source` and `datasets.D.labels`
fetch(source, base, raw, track)
                             fills the folder `raw`, or says what is missing and where to get it;
                             folders in `source` stand below `base`; returns lines for people
label(raw, labels)           the table of `clfer.datasets.labels`, and remarks for people
protocol(labels, table)      what a score on these labels has to be called
pictures(raw, base)          opens them: called with some rows of that table, it gives a sequence
                             with the image of each, uint8 grey [H, W] or RGB [H, W, 3], read when
                             it is asked for; UnreadableError where there is none

What is wrong with the files is an InputError. Modules without EVIDENCE hold what datasets share.
"""
