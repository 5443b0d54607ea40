package focus

import (
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/download"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// row is a row of the file: money in nano-dollars, times in milliseconds UTC. The names of the columns are those of the
// specification, in the order of the alphabet as there; custom ones follow.
type row struct {
	BilledCost         int64   `parquet:"BilledCost,decimal(9:18)"`
	BillingAccountID   string  `parquet:"BillingAccountId,dict"`
	BillingAccountName *string `parquet:"BillingAccountName,optional,dict"`
	BillingCurrency    string  `parquet:"BillingCurrency,dict"`
	BillingPeriodEnd   int64   `parquet:"BillingPeriodEnd,timestamp(millisecond)"`
	BillingPeriodStart int64   `parquet:"BillingPeriodStart,timestamp(millisecond)"`
	ChargeCategory     string  `parquet:"ChargeCategory,dict"`
	ChargeClass        *string `parquet:"ChargeClass,optional,dict"`
	ChargeDescription  *string `parquet:"ChargeDescription,optional,dict"`
	ChargeFrequency    string  `parquet:"ChargeFrequency,dict"`
	ChargePeriodEnd    int64   `parquet:"ChargePeriodEnd,timestamp(millisecond)"`
	ChargePeriodStart  int64   `parquet:"ChargePeriodStart,timestamp(millisecond)"`
	ConsumedQuantity   int64   `parquet:"ConsumedQuantity"`
	ConsumedUnit       string  `parquet:"ConsumedUnit,dict"`
	ContractedCost     int64   `parquet:"ContractedCost,decimal(9:18)"`
	EffectiveCost      int64   `parquet:"EffectiveCost,decimal(9:18)"`
	InvoiceIssuerName  string  `parquet:"InvoiceIssuerName,dict"`
	ListCost           int64   `parquet:"ListCost,decimal(9:18)"`
	PricingCategory    string  `parquet:"PricingCategory,dict"`
	PricingQuantity    int64   `parquet:"PricingQuantity"`
	PricingUnit        string  `parquet:"PricingUnit,dict"`
	ProviderName       string  `parquet:"ProviderName,dict"`
	PublisherName      string  `parquet:"PublisherName,dict"`
	ServiceCategory    string  `parquet:"ServiceCategory,dict"`
	ServiceName        string  `parquet:"ServiceName,dict"`
	ServiceSubcategory string  `parquet:"ServiceSubcategory,dict"`
	SKUID              string  `parquet:"SkuId,dict"`
	SKUMeter           string  `parquet:"SkuMeter,dict"`
	SKUPriceID         string  `parquet:"SkuPriceId,dict"`
	SubAccountID       *string `parquet:"SubAccountId,optional,dict"`
	SubAccountName     *string `parquet:"SubAccountName,optional,dict"`
	SubAccountType     *string `parquet:"SubAccountType,optional,dict"`
	Tags               *string `parquet:"Tags,optional,dict"`
	CacheRead          int64   `parquet:"x_CacheReadTokens"`
	CacheWrite         int64   `parquet:"x_CacheWriteTokens"`
	Calls              int64   `parquet:"x_Calls"`
	CallsWithoutUsage  int64   `parquet:"x_CallsWithoutUsage"`
	FailedCalls        int64   `parquet:"x_FailedCalls"`
	Input              int64   `parquet:"x_InputTokens"`
	Output             int64   `parquet:"x_OutputTokens"`
	Reasoning          int64   `parquet:"x_ReasoningTokens"`
	Tier               *string `parquet:"x_ServiceTier,optional,dict"`
	UnpricedCalls      int64   `parquet:"x_UnpricedCalls"`
}

// header is the names of the columns in a CSV file.
func header() []string {
	return []string{
		"BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory",
		"ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit",
		"ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName",
		"PublisherName", "ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceId", "SubAccountId",
		"SubAccountName", "SubAccountType", "Tags", "x_CacheReadTokens", "x_CacheWriteTokens", "x_Calls", "x_CallsWithoutUsage",
		"x_FailedCalls", "x_InputTokens", "x_OutputTokens", "x_ReasoningTokens", "x_ServiceTier", "x_UnpricedCalls",
	}
}

// cells is the row in a CSV file, as header names it. Null is an empty cell.
func (r *row) cells() []string {
	money := func(n int64) string { return usage.NanoUSD(n).String() }
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	null := download.Optional[string]
	return []string{
		money(r.BilledCost), r.BillingAccountID, null(r.BillingAccountName), r.BillingCurrency, at(r.BillingPeriodEnd), at(r.BillingPeriodStart), r.ChargeCategory,
		null(r.ChargeClass), null(r.ChargeDescription), r.ChargeFrequency, at(r.ChargePeriodEnd), at(r.ChargePeriodStart), number(r.ConsumedQuantity), r.ConsumedUnit,
		money(r.ContractedCost), money(r.EffectiveCost), r.InvoiceIssuerName, money(r.ListCost), r.PricingCategory, number(r.PricingQuantity), r.PricingUnit, r.ProviderName,
		r.PublisherName, r.ServiceCategory, r.ServiceName, r.ServiceSubcategory, r.SKUID, r.SKUMeter, r.SKUPriceID, null(r.SubAccountID),
		null(r.SubAccountName), null(r.SubAccountType), null(r.Tags), number(r.CacheRead), number(r.CacheWrite), number(r.Calls), number(r.CallsWithoutUsage),
		number(r.FailedCalls), number(r.Input), number(r.Output), number(r.Reasoning), null(r.Tier), number(r.UnpricedCalls),
	}
}
