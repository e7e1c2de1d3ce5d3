package socketio

import "slices"

// fewNames is the number of names up to which a list is searched instead of building a set.
const fewNames = 8

// distinct returns names without repeats, in order.
func distinct(names []string) []string { return firstDistinct(names, len(names)) }

// firstDistinct returns the first limit different names, in order. It takes linear time.
func firstDistinct(names []string, limit int) []string {
	if len(names) <= min(fewNames, limit) && !repeats(names) {
		return names
	}
	var few []string
	var set map[string]struct{}
	for _, name := range names {
		if len(few) == limit {
			break
		}
		if set == nil && len(few) > fewNames {
			set = make(map[string]struct{}, min(len(names), limit))
			for _, known := range few {
				set[known] = struct{}{}
			}
		}
		if set == nil {
			if !slices.Contains(few, name) {
				few = append(few, name)
			}
			continue
		}
		if _, known := set[name]; !known {
			set[name] = struct{}{}
			few = append(few, name)
		}
	}
	return few
}

// repeats reports whether a short list contains a name twice.
func repeats(names []string) bool {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return true
		}
	}
	return false
}
