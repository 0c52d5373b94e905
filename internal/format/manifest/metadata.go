package manifest

import "weir"

// PEP508 reads one requirement as wheels' metadata state it: a name with extras, versions and a marker, or an address (PEP 508). It has no place.
func PEP508(s string) weir.Requirement { return pep508(nil, cut(s, maxStatement), -1, 0) }
