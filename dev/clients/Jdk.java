// The JDK's HttpClient, which offers an upgrade to HTTP/2: java Jdk.java URL PROBLEM
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;
import java.util.regex.Pattern;

class Jdk {
    public static void main(String[] args) throws Exception {
        var client = HttpClient.newHttpClient();
        Map<String, String> bodies = new LinkedHashMap<>();
        bodies.put("/v1/chat/completions", "{\"model\": \"twinpath\", \"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}");
        bodies.put("/v1/completions", "{\"model\": \"twinpath\", \"prompt\": \"%s\"}");
        bodies.put("/v1/responses", "{\"model\": \"twinpath\", \"input\": \"%s\"}");
        var texts = new StringJoiner(", ", "{", "}");
        for (var body : bodies.entrySet()) {
            var request = HttpRequest.newBuilder(URI.create(args[0] + body.getKey())).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body.getValue().formatted(args[1]))).build();
            var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            var text = Pattern.compile("\"(?:content|text)\":\\s*\"([^\"]+)\"").matcher(answer.body());
            texts.add("\"" + body.getKey() + "\": \"" + (text.find() ? text.group(1) : answer.statusCode()) + "\"");
        }
        System.out.println(texts);
    }
}
