"""`report.html`: one run on one page, readable without any network and without scripts."""
