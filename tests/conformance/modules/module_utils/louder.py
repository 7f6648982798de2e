def louder(word: str) -> str:
    return word.upper() + "!"
