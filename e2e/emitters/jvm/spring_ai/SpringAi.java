package calls; // Spring looks for components in the package of its application, which the default one cannot be

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.springframework.ai.anthropic.AnthropicChatModel;
import org.springframework.ai.anthropic.AnthropicChatOptions;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.chat.prompt.ChatOptions;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.openai.OpenAiChatModel;
import org.springframework.ai.openai.OpenAiChatOptions;
import org.springframework.ai.tool.annotation.Tool;
import io.micrometer.observation.ObservationRegistry;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** Calls of Spring AI with Spring Boot's own tracing. The end of a model's name says what is tried: see provider_test.go. */
@SpringBootApplication
public class SpringAi {
    record Family(ChatModel model, Function<String, ChatOptions.Builder<?>> options, ObservationRegistry registry) {
        ChatClient.ChatClientRequestSpec request(String kind) {
            return ChatClient.builder(model, registry, null, null).build().prompt("say hello").options(options.apply(kind));
        }

        String ask(String kind) {
            return request(kind).call().content();
        }

        void stream(String kind) {
            request("stream-" + kind).stream().content().blockLast();
        }
    }

    static void failing(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            return;
        }
        throw new IllegalStateException("a call did not fail");
    }

    public static class Weather {
        @Tool(description = "The weather of a city")
        public String weather(String city) {
            return "sunny";
        }
    }

    /** An agent that is the tool of another. */
    public record Inner(Family family) {
        @Tool(description = "The weather of a city")
        public String weather(String city) {
            return family.ask("inner");
        }
    }

    public static void main(String[] args) {
        String provider = System.getenv("PROVIDER");
        var context = SpringApplication.run(SpringAi.class,
                "--spring.main.web-application-type=none", "--spring.main.banner-mode=off",
                "--spring.ai.openai.base-url=" + provider + "/v1", "--spring.ai.openai.api-key=test",
                "--spring.ai.openai.embedding.options.model=text-embedding-3-small",
                "--spring.ai.anthropic.base-url=" + provider, "--spring.ai.anthropic.api-key=test",
                "--spring.ai.openai.max-retries=0", "--spring.ai.anthropic.max-retries=0", "--spring.ai.retry.max-attempts=1",
                "--management.tracing.sampling.probability=1.0", "--management.otlp.metrics.export.enabled=false",
                "--management.opentelemetry.tracing.export.otlp.endpoint=" + System.getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + "/v1/traces");
        var registry = context.getBean(ObservationRegistry.class);
        var families = List.of(
                new Family(context.getBean(OpenAiChatModel.class), kind -> OpenAiChatOptions.builder().model("gpt-4o-" + kind), registry),
                new Family(context.getBean(AnthropicChatModel.class), kind -> AnthropicChatOptions.builder().model("claude-sonnet-4-5-" + kind).maxTokens(1000), registry));
        for (Family f : families) {
            for (String kind : List.of("plain", "cached", "reasoning")) {
                f.ask(kind);
                f.stream(kind);
            }
            for (String kind : List.of("401", "429", "500")) {
                failing(() -> f.ask(kind));
            }
            failing(() -> f.stream("cut"));
            CompletableFuture.allOf(IntStream.range(0, 4).mapToObj(i -> CompletableFuture.runAsync(() -> f.ask("parallel"))).toArray(CompletableFuture[]::new)).join();
            f.request("tools").tools(new Weather()).call().content();
            f.request("stream-tools").tools(new Weather()).stream().content().blockLast();
            f.request("agent").tools(new Inner(f)).call().content();
        }
        context.getBean(EmbeddingModel.class).embed("say hello");
        context.close();
    }
}
