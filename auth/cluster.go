package auth

// share passes revocations on to other nodes. A nil share does nothing.
type share struct{}

func (s *share) added(Revocation) error { return nil }
func (s *share) removed(Match) error    { return nil }
