# curl: sh curl.sh URL PROBLEM
post() { curl --silent --fail-with-body "$1" -H 'Content-Type: application/json' -d "$2"; }
printf '{"chat": %s, ' "$(post "$1/v1/chat/completions" "{\"model\": \"twinpath\", \"messages\": [{\"role\": \"user\", \"content\": \"$2\"}]}" |
  grep -o '"content":"[^"]*"' | head -1 | cut -d: -f2-)"
printf '"response": %s, ' "$(post "$1/v1/responses" "{\"model\": \"twinpath\", \"input\": \"$2\"}" |
  grep -o '"text":"[^"]*"' | head -1 | cut -d: -f2-)"
printf '"missing_route": %s}\n' "$(curl --silent -w '"%{http_code}"' -o /dev/null "$1/chat/completions" -d '{}')"
