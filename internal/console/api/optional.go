package api

// Optional returns a number that is null for 0.
func Optional[T ~int64](n int64) *T {
	if n == 0 {
		return nil
	}
	v := T(n)
	return &v
}

// OrZero is a limit of 0 for null.
func OrZero[T ~int64](v *T) int64 {
	if v == nil {
		return 0
	}
	return int64(*v)
}
