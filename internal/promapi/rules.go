package promapi

type ruleCache struct{}
