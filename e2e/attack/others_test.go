package attack

// accessAttacks, keyAttacks, privacyAttacks and figureAttacks are by what they aim at.
func accessAttacks() []attack  { return nil }
func keyAttacks() []attack     { return nil }
func privacyAttacks() []attack { return nil }
func figureAttacks() []attack  { return nil }
