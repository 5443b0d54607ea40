package console

// some returns a number that is null for 0.
func some[T ~int64](n int64) *T {
	if n == 0 {
		return nil
	}
	v := T(n)
	return &v
}

// number is a limit of 0 for null.
func number[T ~int64](v *T) int64 {
	if v == nil {
		return 0
	}
	return int64(*v)
}
