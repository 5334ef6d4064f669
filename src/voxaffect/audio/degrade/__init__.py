"""What becomes of speech on its way to a recogniser: noise, rooms, lines, codecs, levels, cuts."""
