"""Write predictions in the formats of annotation tools, to be corrected there."""
