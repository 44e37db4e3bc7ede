"""Reading rows of a database (`sql`) or of a file (`csv`) as records; neither can write.

What a row means is the mapping's: it gives each kind its query or file, its id columns and its time column.
"""
