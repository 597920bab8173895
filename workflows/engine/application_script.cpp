// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// app.lua: the words `application`, `component`, `setting` and `external`, and how what they wrote becomes an
// Application.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/lua_syntax.hpp"
#include "workflows/engine/sandbox.hpp"

#include <algorithm>
#include <cstring>

namespace workflows::engine {
namespace {

// The words make records with this member; a script that writes such a record by hand gets no more than the
// word would give.
constexpr const char* word_key = "@";
constexpr const char* result_key = "tiercel.application";
constexpr const char* components_key = "tiercel.components";

// Pushes {"@" = word, name = what stands at the index, line = where the script is}.
void push_record(lua_State* state, const char* word, int name_index) {
    lua_createtable(state, 0, 4);
    lua_pushstring(state, word);
    lua_setfield(state, -2, word_key);
    lua_pushvalue(state, name_index);
    lua_setfield(state, -2, "name");
    lua_pushinteger(state, lua::line_at(state, 1));
    lua_setfield(state, -2, "line");
}

// The name that stands behind a word.
void need_name(lua_State* state, const char* example) {
    if (lua_type(state, 1) != LUA_TSTRING) {
        luaL_error(state, "a name in quotes is expected, but this is a %s; write %s", luaL_typename(state, 1),
                   example);
    }
    lua_settop(state, 1);
}

// Leaves the record on the stack; what is called with braces next takes them.
void wait_for_braces(lua_State* state, const char* word, lua_CFunction braces) {
    push_record(state, word, 1);
    lua_createtable(state, 0, 1);
    lua_pushcfunction(state, braces);
    lua_setfield(state, -2, "__call");
    lua_setmetatable(state, -2);
}

// Kept apart from the raising function: it owns strings.
void what_is_no_data(lua_State* state, int index, char* said, std::size_t size) noexcept {
    try {
        lua::read(state, index);
    } catch (const base::Error& error) {
        std::strncpy(said, error.what(), size - 1);
    }
}

// (record, body) on the stack: the body becomes a member of the record.
void take_braces(lua_State* state, const char* example) {
    lua_settop(state, 2);
    lua_getfield(state, 1, "name");
    const char* name = lua_tostring(state, -1);
    if (lua_type(state, 2) != LUA_TTABLE) {
        luaL_error(state, "'%s' is followed by a %s, but must be followed by braces; write %s", name,
                   luaL_typename(state, 2), example);
    }
    char said[200] = "";
    what_is_no_data(state, 2, said, sizeof said);
    if (said[0] != '\0') {
        luaL_error(state, "in the braces of '%s': %s; write %s", name, said, example);
    }
    lua_settop(state, 2);
    lua_setfield(state, 1, "body");
}

constexpr const char* component_example = "component \"NAME\" { packages = { \"NAME\" } }";
constexpr const char* application_example = "application \"NAME\" { component \"NAME\" { … } }";

int component_body(lua_State* state) {
    take_braces(state, component_example);
    // All that were written, to find those that nobody uses.
    if (lua_getfield(state, LUA_REGISTRYINDEX, components_key) == LUA_TNIL) {
        lua_newtable(state);
        lua_pushvalue(state, -1);
        lua_setfield(state, LUA_REGISTRYINDEX, components_key);
        lua_replace(state, 2);
    }
    lua_settop(state, 2);
    lua_pushvalue(state, 1);
    lua_rawseti(state, 2, static_cast<lua_Integer>(lua_rawlen(state, 2)) + 1);
    lua_settop(state, 1);
    return 1;
}

int component_word(lua_State* state) {
    need_name(state, component_example);
    wait_for_braces(state, "component", component_body);
    return 1;
}

int application_body(lua_State* state) {
    take_braces(state, application_example);
    return 0;
}

int application_word(lua_State* state) {
    need_name(state, application_example);
    if (lua_getfield(state, LUA_REGISTRYINDEX, result_key) != LUA_TNIL) {
        return luaL_error(state, "'application' is written twice; one file describes one application");
    }
    lua_settop(state, 1);
    wait_for_braces(state, "application", application_body);
    lua_pushvalue(state, -1);
    lua_setfield(state, LUA_REGISTRYINDEX, result_key);
    return 1;
}

int setting_word(lua_State* state) {
    need_name(state, "port = setting \"port\"");
    push_record(state, "setting", 1);
    return 1;
}

int external_word(lua_State* state) {
    need_name(state, "mail = external \"smtp\"");
    push_record(state, "external", 1);
    return 1;
}

struct Word {
    std::string word;
    std::string name;
    int line = 0;
    const base::Value* body = nullptr;
};

std::optional<Word> word_of(const base::Value& value) {
    const base::Object* record = value.object();
    const base::Value* word = record == nullptr ? nullptr : record->find(word_key);
    const base::Value* name = record == nullptr ? nullptr : record->find("name");
    const base::Value* line = record == nullptr ? nullptr : record->find("line");
    if (word == nullptr || name == nullptr || line == nullptr || word->text() == nullptr ||
        name->text() == nullptr || line->whole() == nullptr) {
        return std::nullopt;
    }
    return Word{*word->text(), *name->text(), static_cast<int>(*line->whole()), record->find("body")};
}

// Each value with the line of the word that it stands in. An empty table is a record until somebody wants a
// list.
void set_lines(base::Value& value, int line) {
    if (const std::optional<Word> word = word_of(value)) {
        line = word->line;
    }
    value.line = line;
    if (base::Array* list = value.array()) {
        for (base::Value& item : *list) {
            set_lines(item, line);
        }
    } else if (base::Object* record = value.object()) {
        for (base::Member& member : record->members) {
            member.line = line;
            set_lines(member.value, line);
        }
    }
}

void empty_is_list(base::Value& value) {
    if (value.object() != nullptr && value.object()->empty()) {
        value.data = base::Array{};
    }
}

base::Value service_name(const base::Value& value, const base::Fields& consumes, const std::string& name) {
    base::Object consumed;
    const std::optional<Word> word = word_of(value);
    if (value.text() != nullptr) {
        consumed = {{"service", *value.text()}, {"external", false}};
    } else if (word && word->word == "external") {
        consumed = {{"service", word->name}, {"external", true}};
    } else {
        consumes.fail(name, fmt::format("'{}' is {}, but must be the name of a service, or external \"NAME\"",
                                        name, value.kind()));
    }
    base::Value result = std::move(consumed);
    lua::set_lines(result, value.line);
    return result;
}

void need_record(const base::Fields& fields, const base::Object& record, const char* key,
                 const char* example) {
    if (const base::Value* value = record.find(key); value != nullptr && value->object() == nullptr) {
        fields.fail(key,
                    fmt::format("'{}' is {}, but must be a record; write {}", key, value->kind(), example));
    }
}

// What the words made → the document that Application::from_value reads (the one in manifests), lines kept.
base::Value component_document(const Word& word, const std::string& file) {
    base::Value document = *word.body;
    base::Object& record = *document.object();
    const base::Fields fields(*word.body, file, "component " + word.name);
    if (record.find("name") != nullptr) {
        fields.fail("name", "unknown key 'name'; the name stands before the braces");
    }
    need_record(fields, record, "consumes", "consumes = { backends = \"http\" }");
    need_record(fields, record, "produces", "produces = { http = { port = setting \"port\" } }");
    for (const char* key : {"packages", "conflicts"}) {
        if (base::Value* list = record.find(key)) {
            empty_is_list(*list);
        }
    }
    if (base::Value* consumes = record.find("consumes");
        consumes != nullptr && consumes->object() != nullptr) {
        const base::Fields names = *fields.record("consumes");
        for (base::Member& member : consumes->object()->members) {
            member.value = service_name(member.value, names, member.name);
        }
    }
    if (base::Value* produces = record.find("produces");
        produces != nullptr && produces->object() != nullptr) {
        for (base::Member& service : produces->object()->members) {
            if (service.value.object() == nullptr || word_of(service.value)) {
                fields.fail(
                    "produces",
                    fmt::format("service '{0}' is no record of what it hands out; write {0} = {{ port = "
                                "setting \"port\" }}",
                                service.name));
            }
            for (base::Member& field : service.value.object()->members) {
                if (const std::optional<Word> setting = word_of(field.value);
                    setting && setting->word == "setting") {
                    field.value = base::Object{{"setting", setting->name}};
                    lua::set_lines(field.value, setting->line);
                }
            }
        }
    }
    record.set("name", word.name);
    lua::set_lines(document, word.line);
    return document;
}

base::Value application_document(const Word& word, const std::string& file) {
    base::Array components;
    const base::Value& body = *word.body;
    if (body.object() != nullptr && !body.object()->empty()) {
        base::Fields(body, file)
            .fail(body.object()->members.front().name,
                  fmt::format("unknown key '{}'; an application is a list of components",
                              body.object()->members.front().name));
    }
    if (const base::Array* list = body.array()) {
        for (const base::Value& item : *list) {
            const std::optional<Word> component = word_of(item);
            if (component && component->word == "component" && component->body == nullptr) {
                throw base::Error(
                    base::Fault::Input,
                    "{}:{}: component '{}' lacks its braces; write component \"{}\" {{ packages = {{ "
                    "\"NAME\" }} }}",
                    file, component->line, component->name, component->name);
            }
            if (!component || component->word != "component" || component->body == nullptr ||
                (component->body->object() == nullptr)) {
                throw base::Error(
                    base::Fault::Input,
                    "{}:{}: application '{}' contains {}, but must contain component \"NAME\" {{ … }}", file,
                    item.line, word.name, component ? "'" + component->word + "'" : std::string(item.kind()));
            }
            components.push_back(component_document(*component, file));
        }
    }
    base::Value document = base::Object{{"name", word.name}, {"components", std::move(components)}};
    lua::set_lines(document, word.line);
    return document;
}

// Lua itself says neither the column nor what to write instead.
void check_syntax(std::string_view source, const std::string& file) {
    if (source.size() > Limits{}.source_bytes) {
        return;
    }
    if (const syntax::Chunk chunk = syntax::parse(source); !chunk.errors.empty()) {
        const syntax::SyntaxError& first = chunk.errors.front();
        throw base::Error(base::Fault::Input, "{}:{}:{}: {}", file, first.place.line, first.place.column,
                          first.message);
    }
}

base::Value kept(Sandbox& sandbox, const char* key, const std::string& file) {
    lua_getfield(sandbox.state(), LUA_REGISTRYINDEX, key);
    try {
        base::Value value = lua::read(sandbox.state(), -1);
        lua_pop(sandbox.state(), 1);
        return value;
    } catch (const base::Error& error) {
        throw base::Error(base::Fault::Input, "{}: {}", file, error.message());
    }
}

// A component behind the closing brace would be left out without a word.
void check_used(const base::Value& written, const base::Value& body, const std::string& file) {
    static const base::Array none;
    const auto words_in = [](const base::Value& list) -> const base::Array& {
        return list.array() == nullptr ? none : *list.array();
    };
    for (const base::Value& one : words_in(written)) {
        const std::optional<Word> component = word_of(one);
        const base::Array& used = words_in(body);
        if (component && std::none_of(used.begin(), used.end(), [&](const base::Value& other) {
                const std::optional<Word> word = word_of(other);
                return word && word->word == "component" && word->name == component->name;
            })) {
            throw base::Error(
                base::Fault::Input,
                "{}:{}: component '{}' stands outside of the application; move it into the braces of "
                "application \"NAME\" {{ … }}",
                file, component->line, component->name);
        }
    }
}

} // namespace

Application Application::evaluate(std::string_view source, const std::string& file) {
    check_syntax(source, file);
    Sandbox sandbox;
    sandbox.add("application", application_word);
    sandbox.add("component", component_word);
    sandbox.add("setting", setting_word);
    sandbox.add("external", external_word);
    sandbox.load(source, file);
    sandbox.call(0);

    base::Value made = kept(sandbox, result_key, file);
    const std::optional<Word> application = word_of(made);
    const base::Value written = kept(sandbox, components_key, file);
    if (!application) {
        throw base::Error(base::Fault::Input, "{}: no application; write {}", file, application_example);
    }
    if (application->body == nullptr) {
        throw base::Error(base::Fault::Input, "{}:{}: application '{}' lacks its braces; write {}", file,
                          application->line, application->name, application_example);
    }
    set_lines(made, application->line);
    check_used(written, *application->body, file);
    return from_value(application_document(*application, file), file);
}

} // namespace workflows::engine
