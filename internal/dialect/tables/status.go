package tables

// ErrorStatuses are the HTTP statuses that errors are made of, by the last part of an error's type: the exceptions of the
// SDKs of OpenAI, Anthropic and LiteLLM, the types in Anthropic's answers (docs.anthropic.com/en/api/errors), Bedrock's
// exceptions, and Google's codes. Types that stand for several statuses are not here.
var ErrorStatuses = map[string]int{
	"BadRequestError": 400, "AuthenticationError": 401, "PermissionDeniedError": 403, "NotFoundError": 404, "ConflictError": 409,
	"UnprocessableEntityError": 422, "RateLimitError": 429, "ContextWindowExceededError": 400, "ContentPolicyViolationError": 400,
	"ServiceUnavailableError": 503, "RateLimitException": 429, "BadRequestException": 400, "UnauthorizedException": 401,
	"PermissionDeniedException": 403, "NotFoundException": 404, "UnprocessableEntityException": 422,
	"invalid_request_error": 400, "authentication_error": 401, "permission_error": 403, "not_found_error": 404, "request_too_large": 413,
	"rate_limit_error": 429, "api_error": 500, "overloaded_error": 529,
	"ThrottlingException": 429, "AccessDeniedException": 403, "ValidationException": 400, "ResourceNotFoundException": 404,
	"ServiceUnavailableException": 503, "ModelTimeoutException": 408, "ModelErrorException": 424, "ModelNotReadyException": 429,
	"ServiceQuotaExceededException": 400,
	"INVALID_ARGUMENT":              400, "FAILED_PRECONDITION": 400, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404,
	"RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}

// NoProviderStatus are words in messages whose numbers no provider answered: aiohttp gives an answer that broke off the
// status 400.
var NoProviderStatus = []string{"TransferEncodingError", "ContentLengthError", "Response payload is not completed"}
