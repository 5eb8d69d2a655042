# Flatten a JSON document: one line "path<TAB>value" for each string, number or word; path parts are joined by "/".
# Written for metadata documents in a guest without any JSON tool. Strings keep \n as a newline escaped "\n".
{ text = text $0 "\n" }
END {
    position = 1; depth = 0
    while (position <= length(text)) {
        c = substr(text, position, 1)
        if (c == "\"") { value = string(); after(value) }
        else if (c == "{" || c == "[") { depth++; kind[depth] = c; key[depth] = (c == "[") ? 0 : ""; waiting[depth] = (c == "{"); position++ }
        else if (c == "}" || c == "]") { depth--; position++ }
        else if (c == ":") { waiting[depth] = 0; position++ }
        else if (c == ",") { if (kind[depth] == "[") key[depth]++; else waiting[depth] = 1; position++ }
        else if (c ~ /[-0-9a-z]/) { match(substr(text, position), /^[-+.0-9a-zA-Z]+/); value = substr(text, position, RLENGTH); position += RLENGTH; emit(value) }
        else position++
    }
}
function string(    out, c) {
    out = ""; position++
    while ((c = substr(text, position, 1)) != "\"" && position <= length(text)) {
        if (c == "\\") {
            position++; c = substr(text, position, 1)
            if (c == "n") c = "\\n"; else if (c == "t") c = "\t"; else if (c == "r") c = ""
            else if (c == "u") { c = unicode(substr(text, position + 1, 4)); position += 4 }
        }
        out = out c; position++
    }
    position++
    return out
}
function unicode(hex,    i, n) {
    n = 0
    for (i = 1; i <= 4; i++) n = n * 16 + index("0123456789abcdef", tolower(substr(hex, i, 1))) - 1
    return n < 128 ? sprintf("%c", n) : "?"
}
function after(value) { if (waiting[depth]) key[depth] = value; else emit(value) }
function emit(value,    path, i) {
    path = ""
    for (i = 1; i <= depth; i++) path = path (i > 1 ? "/" : "") key[i]
    print path "\t" value
}
