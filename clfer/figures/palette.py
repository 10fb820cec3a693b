"""Colours of figures and of boxes around faces."""

# Okabe and Ito's palette, which the colour-blind can tell apart; black for the reference.
BLACK, FAINT, GREY = "#000000", "#555555", "#8c8c8c"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7a5195", "#8a6d00")
