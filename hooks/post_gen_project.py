"""Says what to type next, once the project is there.

cookiecutter makes it while it fills in this text, by ``made`` in kfp_template_answers.py: in a
process of its own that would take as long again as all the rest.
"""

print("<< made(cookiecutter) >>")
