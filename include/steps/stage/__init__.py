"""The stage step: select the valid rows that are not active in AEP, and write the files to upload."""
