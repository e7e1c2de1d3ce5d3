package logout

import "testing"

// Different pairs of iss and jti have different keys.
func TestKeysOfPairs(t *testing.T) {
	keys := map[digest]bool{}
	pairs := [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"x", "bc"}, {"a", "xc"}}
	for _, pair := range pairs {
		keys[keyOf(pair[0], pair[1])] = true
	}
	if len(keys) != len(pairs) {
		t.Errorf("%d keys for %d pairs", len(keys), len(pairs))
	}
}
