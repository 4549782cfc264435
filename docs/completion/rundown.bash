# Completion of rundown for bash, also where the bash-completion package is missing.
#
# Nothing is listed here: commands and names come from `rundown list ... --names`, options from
# `rundown COMMAND --help`, so this file fits whatever rundown is in PATH. Errors are silent, since
# nobody can read them in the middle of a line.

# _rundown_ask ARGUMENT...: what the program says, with the one that stands on the line.
_rundown_ask()
{
    "$_rundown_program" "$@" 2>/dev/null </dev/null
}

# _rundown_split: the words before the cursor as blanks part them, in _rundown_words. Bash itself
# also splits at '=', ':' and '@', which are inside our words.
_rundown_split()
{
    local line=${COMP_LINE:0:COMP_POINT}
    local rest=$line

    _rundown_words=()
    while [[ $rest =~ ^[[:blank:]]*([^[:blank:]]+)(.*)$ ]]; do
        _rundown_words+=("${BASH_REMATCH[1]}")
        rest=${BASH_REMATCH[2]}
    done
    [[ -z $line || $line == *[[:blank:]] ]] && _rundown_words+=("")
}

# _rundown_reply WORD [PREFIX]: keeps those lines of the input that WORD begins, with PREFIX before
# them, less what bash has split off already.
_rundown_reply()
{
    local word=$1 prefix=$2 whole=${_rundown_words[-1]} cut="" name

    if [[ $whole == *["$COMP_WORDBREAKS"]* ]]; then
        cut=${whole%"${whole##*["$COMP_WORDBREAKS"]}"}
    fi
    while IFS= read -r name; do
        [[ $name == "$word"* ]] || continue
        name=$prefix$name
        COMPREPLY+=("${name#"$cut"}")
        [[ $name == *[=@,] ]] && compopt -o nospace 2>/dev/null
    done
}

# _rundown_option_names COMMAND: "--cycles=", "--dry-run" ..., from its help.
_rundown_option_names()
{
    local line

    while IFS= read -r line; do
        if [[ $line =~ ^[[:blank:]]+(-.,[[:blank:]])?(--[a-z0-9-]+)(\[?=)? ]]; then
            if [[ ${BASH_REMATCH[3]} == "=" ]]; then
                printf '%s=\n' "${BASH_REMATCH[2]}"
            else
                printf '%s\n' "${BASH_REMATCH[2]}"
            fi
        fi
    done < <(_rundown_ask "$1" --help)
}

# _rundown_long COMMAND LETTER: the long name of a short option, from the help.
_rundown_long()
{
    local line

    # All of it is read: who stops early makes the writer complain.
    while IFS= read -r line; do
        if [[ $line =~ ^[[:blank:]]+-(.),[[:blank:]]--([a-z0-9-]+) &&
              ${BASH_REMATCH[1]} == "$2" ]]; then
            printf '%s\n' "${BASH_REMATCH[2]}"
        fi
    done < <(_rundown_ask "$1" --help)
}

# _rundown_files WORD PREFIX [d]: file names, or folders alone.
_rundown_files()
{
    local kind=-f

    [[ $3 == d ]] && kind=-d
    _rundown_reply "$1" "$2" < <(compgen "$kind" -- "$1")
    compopt -o filenames 2>/dev/null
}

_rundown_workload()
{
    local value=$1 prefix=$2 name

    if [[ $value == *,* ]]; then
        name=${value%%,*}
        _rundown_reply "${value##*,}" "$prefix${value%,*}," \
            < <(_rundown_ask list workloads "$name" --names)
    else
        _rundown_reply "$value" "$prefix" < <(_rundown_ask list workloads --names)
        [[ $value != */* && $value != .* ]] || _rundown_files "$value" "$prefix"
    fi
}

# I, I@SITE or I@THREAD:SITE
_rundown_inject()
{
    local value=$1 prefix=$2 site

    if [[ $value == *@* ]]; then
        site=${value#*@}
        [[ $site == T[0-9?]*:* ]] && site=${site#*:}
        _rundown_reply "$site" "$prefix${value%"$site"}" < <(_rundown_ask list sites --names)
    else
        _rundown_reply "$value" "$prefix" < <(_rundown_ask list injectors --names)
    fi
}

# _rundown_value COMMAND OPTION VALUE PREFIX: what may be its value; 1 if anything may.
_rundown_value()
{
    local option=$2 value=$3 prefix=$4

    case $option in
    workload | plant) _rundown_workload "$value" "$prefix" ;;
    inject) _rundown_inject "$value" "$prefix" ;;
    without) _rundown_reply "$value" "$prefix" < <(_rundown_ask list detectors --names) ;;
    format) _rundown_reply "$value" "$prefix" < <(_rundown_ask list formats --names) ;;
    mode) _rundown_reply "$value" "$prefix" < <(printf 'free\ncontrolled\n') ;;
    kind) _rundown_reply "$value" "$prefix" < <(printf 'exact\nsite\nother\n') ;;
    gdb) _rundown_reply "$value" "$prefix" < <(printf 'finding\ninjection\n') ;;
    out | resume | history) _rundown_files "$value" "$prefix" d ;;
    output | stdin | profile | use) _rundown_files "$value" "$prefix" ;;
    *) return 1 ;;
    esac
}

# _rundown_takes COMMAND OPTION: true if it must have a value.
_rundown_takes()
{
    local names

    names=$(_rundown_option_names "$1")
    [[ $'\n'$names$'\n' == *$'\n'"--$2="$'\n'* ]]
}

# _rundown_operands COMMAND WORD: what stands where no option does.
_rundown_operands()
{
    local command=$1 word=$2 given=()
    local i

    for ((i = 2; i < ${#_rundown_words[@]} - 1; i++)); do
        [[ ${_rundown_words[i]} == -* ]] || given+=("${_rundown_words[i]}")
    done
    case $command in
    explain)
        _rundown_reply "$word" "" < <(_rundown_ask list stop-codes --names)
        _rundown_reply "$word" "" < <(_rundown_ask list stop-codes --names | sed 's/\..*//' | uniq)
        ;;
    list)
        if ((${#given[@]} == 0)); then
            _rundown_reply "$word" "" < <(_rundown_ask list lists --names)
        elif ((${#given[@]} == 1)); then
            _rundown_reply "$word" "" < <(_rundown_ask list "${given[0]}" --names)
        fi
        ;;
    autopsy)
        [[ $word != [0-9]* ]] ||
            _rundown_reply "$word" "" < <(cd /proc && printf '%s\n' [0-9]*)
        _rundown_files "$word" ""
        ;;
    report | compare | merge) _rundown_files "$word" "" d ;;
    doctor) ;;
    *) _rundown_files "$word" "" ;;
    esac
}

# _rundown_after_dashes: the program and its arguments, which are not ours.
_rundown_after_dashes()
{
    local word=${_rundown_words[-1]}

    if [[ ${_rundown_words[-2]} == -- ]]; then
        _rundown_reply "$word" "" < <(compgen -c -- "$word")
    fi
    _rundown_files "$word" ""
}

_rundown_command_words()
{
    local command=${_rundown_words[1]} word=${_rundown_words[-1]} last=${_rundown_words[-2]} long

    if [[ $word == --*=* ]]; then
        long=${word%%=*}
        _rundown_value "$command" "${long#--}" "${word#*=}" "$long="
        return
    fi
    if [[ $last == --[a-z]* && $last != *=* ]] && _rundown_takes "$command" "${last#--}"; then
        _rundown_value "$command" "${last#--}" "$word" ""
        return
    fi
    if [[ $last == -[A-Za-z] ]]; then
        long=$(_rundown_long "$command" "${last#-}")
        if [[ -n $long ]] && _rundown_takes "$command" "$long"; then
            _rundown_value "$command" "$long" "$word" ""
            return
        fi
    fi
    if [[ $word == -* ]]; then
        _rundown_reply "$word" "" < <(_rundown_option_names "$command")
    else
        _rundown_operands "$command" "$word"
    fi
}

_rundown()
{
    local _rundown_program=$1 _rundown_words=() i

    COMPREPLY=()
    _rundown_split
    if ((${#_rundown_words[@]} <= 2)); then
        _rundown_reply "${_rundown_words[1]}" "" \
            < <(_rundown_ask list commands --names; printf '%s\n' --help --version)
        return
    fi
    for ((i = 2; i < ${#_rundown_words[@]} - 1; i++)); do
        if [[ ${_rundown_words[i]} == -- ]]; then
            _rundown_after_dashes
            return
        fi
    done
    _rundown_command_words
}

complete -F _rundown rundown
